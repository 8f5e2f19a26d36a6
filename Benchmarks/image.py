"""The image every server holds during the benchmark, and the requests that ask for parts of it."""

import hashlib
import http.client
import json
import random
from dataclasses import dataclass, field

from measure import BenchmarkError

REPOSITORY = "bench/app"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = {"Accept": f"{MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json"}


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(kind, content):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content)}


_random = random.Random(1)
CONFIG = _random.randbytes(2048)
LAYERS = [_random.randbytes(1024) for _ in range(5)]
MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": _descriptor("config.v1+json", CONFIG),
    "layers": [_descriptor("layer.v1.tar+gzip", layer) for layer in LAYERS]}).encode()


@dataclass
class Request:
    """A small request and the answer it must get."""

    name: str
    path: str
    method: str = "GET"
    status: int = 200
    body: bytes | None = None
    headers: dict = field(default_factory=dict)


BASE = Request("`/v2/`", "/v2/")
BY_TAG = Request("manifest by tag", f"/v2/{REPOSITORY}/manifests/latest", body=MANIFEST, headers=ACCEPT)
REQUESTS = [
    BY_TAG,
    Request("manifest by digest", f"/v2/{REPOSITORY}/manifests/{digest(MANIFEST)}", body=MANIFEST, headers=ACCEPT),
    Request("blob of 2 KiB", f"/v2/{REPOSITORY}/blobs/{digest(CONFIG)}", body=CONFIG),
    Request("HEAD missing blob", f"/v2/{REPOSITORY}/blobs/{digest(b'missing')}", "HEAD", 404),
    Request("missing manifest", f"/v2/{REPOSITORY}/manifests/missing", status=404, headers=ACCEPT),
    BASE,
]


def push(server):
    """Stores the image, then makes sure that every request is answered as it must be without a login."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for content in [CONFIG, *LAYERS]:
        _push_blob(connection, server, content)
    for reference in ["latest"] if server.is_registry else ["latest", digest(MANIFEST)]:
        _send(connection, "PUT", f"/v2/{REPOSITORY}/manifests/{reference}", 201, MANIFEST,
              {"Content-Type": MANIFEST_TYPE})
    for request in [request for request in REQUESTS if request is not BASE or server.ready_status == 200]:
        body, _ = _send(connection, request.method, request.path, request.status, headers=request.headers)
        if request.body not in (None, body):
            raise BenchmarkError(f"{server.name}, {request.name}: not the bytes that were pushed")
    connection.close()


def _push_blob(connection, server, content):
    location = f"/v2/{REPOSITORY}/blobs/{digest(content)}"
    if server.is_registry:
        _, location = _send(connection, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", 202)
        location += ("&" if "?" in location else "?") + "digest=" + digest(content)
    _send(connection, "PUT", location, 201, content, {"Content-Type": "application/octet-stream"})


def _send(connection, method, path, status, body=None, headers={}):
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    received = response.read()
    if response.status != status:
        raise BenchmarkError(f"{method} {path}: {response.status}, not {status}: {received[:300]}")
    return received, response.getheader("Location")
