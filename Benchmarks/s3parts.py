"""What is measured with a bucket behind the registries. Servers take turns within a round, as in parts.py."""

import hashlib
import http.client
import json
import os
import threading
import time

import image
from counting import CountingProxy
from measure import BenchmarkError, memory_kib
from parts import BLOB_MIB, _turns
from servers import DOCKER_REGISTRY, NGINX, DockerRegistryOnS3, StowageOnS3, running

TAGS = 500
PUSHERS = 50


def push(servers, bucket, load, plan, results):
    """Blobs of 256 MiB and 1 GiB, digest declared first or last, and the same bytes straight into the bucket."""
    for number, turn in _turns(plan, servers):
        for mebibytes in (BLOB_MIB, 1024):
            for mode in ("post-put", "post-patch"):
                for server in turn:
                    measured = load.transfers(server, mode, "bench/push", 1, 1, mebibytes)
                    results.add("s3-push", (mode, mebibytes), server.name, number, measured)
                # In the middle of the turns, because the bucket becomes slower as it fills.
                direct = bucket.upload(f"direct/{number}-{mebibytes}-{mode}", mebibytes)
                results.add("s3-push", (mode, mebibytes), bucket.name, number, direct)


def blobs(servers, bucket, load, plan, results):
    """Blobs of 1 MiB by 4 clients, and as many objects of that size straight into the bucket."""
    for number, turn in _turns(plan, servers):
        for server in turn:
            count = 10 if server.name == DOCKER_REGISTRY else 60
            measured = load.transfers(server, "post-put", "bench/blobs", 4, count, 1)
            measured["per_second"] = measured["megabytes_per_second"] * 1e6 / (1 << 20)
            results.add("s3-blobs", "1 MiB", server.name, number, measured)
        content = os.urandom(1 << 20)
        seconds = _together(4, lambda index: _put_objects(bucket, 60, f"blob-{number}-{index}", content))
        results.add("s3-blobs", "1 MiB", bucket.name, number, {"per_second": 4 * 60 / seconds})


def manifests(servers, bucket, plan, results):
    """Manifests with 7 layers, all blobs there, every manifest new, by 1 and by 4 clients; and as many objects of that
    size straight into the bucket."""
    for server in servers:
        _push_layers(server)
    for number, turn in _turns(plan, servers):
        for clients in (1, 4):
            for server in turn:
                # As a client does: the blobs just before.
                _push_layers(server)
                count = 10 if server.name == DOCKER_REGISTRY else 50
                seconds = _together(clients, lambda index: _put_manifests(server, count, f"{number}-{clients}-{index}"))
                results.add("s3-manifests", clients, server.name, number, {"per_second": clients * count / seconds})
            content = _manifest(LAYERS, "direct")
            seconds = _together(
                clients, lambda index: _put_objects(bucket, 50, f"manifest-{number}-{clients}-{index}", content))
            results.add("s3-manifests", clients, bucket.name, number, {"per_second": clients * 50 / seconds})


def tags(servers, bucket, load, plan, results):
    """A manifest by tag on 64 connections: one tag for all, and 500 tags in turn, beside the bucket's own GET."""
    for server in servers:
        image.push(server)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for tag in range(TAGS):
            image._send(connection, "PUT", f"/v2/{image.REPOSITORY}/manifests/t{tag}", 201, image.MANIFEST,
                        {"Content-Type": image.MANIFEST_TYPE})
    key = "direct/manifest"
    for tag in range(TAGS):
        bucket.request("PUT", f"{key}{tag}", body=image.MANIFEST)
    paths = [bucket.presigned_path(f"{key}{tag}") for tag in range(TAGS)]
    for number, turn in _turns(plan, servers):
        for server in turn:
            measured = load.requests(server, image.BY_TAG, 64, plan.seconds)
            results.add("s3-tags", "one tag", server.name, number, measured)
            each = [f"/v2/{image.REPOSITORY}/manifests/t{tag}" for tag in range(TAGS)]
            measured = load.rotating(server, each, 64, plan.seconds, image.ACCEPT)
            results.add("s3-tags", f"{TAGS} tags", server.name, number, measured)
        measured = load.rotating(bucket, paths, 64, plan.seconds, {})
        results.add("s3-tags", f"{TAGS} tags", bucket.name, number, measured)


def pull(servers, cached, nginx, bucket, load, plan, results):
    """A blob of 256 MiB through the registries and straight from the bucket, and from stowage's disk cache."""
    paths = {}
    for server in [*servers, cached]:
        digest = load.transfers(server, "post-put", image.REPOSITORY, 1, 1, BLOB_MIB)["digest"]
        paths[server.name] = f"/v2/{image.REPOSITORY}/blobs/{digest}"
    bucket.upload("direct/pull", BLOB_MIB)
    paths[bucket.name] = bucket.presigned_path("direct/pull")
    base = f"/v2/{image.REPOSITORY}/blobs/"
    paths[NGINX] = base + load.transfers(nginx, "put", base, 1, 1, BLOB_MIB)["digest"]
    for server in (cached, nginx):
        load.transfers(server, "get", paths[server.name], 1, 2)
    for number, turn in _turns(plan, [*servers, bucket, cached, nginx]):
        for connections in (1, 4):
            for server in turn:
                # Out of memory a blob takes some 50 ms, which alone says little.
                each = max(1, 4 // connections) * (10 if server in (cached, nginx) else 1)
                measured = load.transfers(server, "get", paths[server.name], connections, each)
                results.add("s3-pull", connections, server.name, number, measured)


def memory(make_server, load, plan, results):
    """50 parallel pushes of 1 GiB, cut off after a while: the peak of the resident set."""
    for mode in ("post-put", "post-patch"):
        with running([make_server()]) as (server,):
            options = ["-c", PUSHERS, "-n", 1, "-m", 1024, "-s", 2 * 10**9, "-t", plan.memory_seconds]
            with load.started(server, mode, "bench/memory", *options) as pushes:
                pushes.finish()
            results.add("s3-memory", mode, server.name, 0, {"peak_mib": memory_kib(server.pids, "VmHWM") / 1024})


def requests(bucket, directory, binary, results):
    """S3 requests for each thing a client does, counted by a proxy before the bucket."""
    proxy = CountingProxy(bucket.port)
    try:
        for make in (StowageOnS3, DockerRegistryOnS3):
            arguments = [binary] if make is StowageOnS3 else []
            with running([make(directory, proxy.port, "counted", *arguments)]) as (server,):
                for name, act in _client_operations(server):
                    time.sleep(0.3)  # What goes on behind an answer is counted with it.
                    proxy.take()
                    act()
                    time.sleep(0.3)
                    counts = proxy.take()
                    results.add("s3-requests", name, server.name, 0,
                                {"total": sum(counts.values()), "counts": dict(counts)})
    finally:
        proxy.close()


def _client_operations(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    repository = "/v2/bench/counted"
    small, large = os.urandom(1 << 20), os.urandom(1 << 20) * 64
    late, large_late = os.urandom(1 << 20), os.urandom(1 << 20) * 64

    def blob(content, *, late=False, head=True):
        def act():
            digest = image.digest(content)
            if head:
                image._send(connection, "HEAD", f"{repository}/blobs/{digest}", 404)
            _, location = image._send(connection, "POST", f"{repository}/blobs/uploads/", 202)
            kind = {"Content-Type": "application/octet-stream"}
            if late:
                _, location = image._send(connection, "PATCH", _path(location), 202, content, kind)
            location = _path(location)
            location += ("&" if "?" in location else "?") + "digest=" + digest
            image._send(connection, "PUT", location, 201, b"" if late else content, kind)
        return act

    def send(method, path, status, body=None, headers={}):
        return lambda: image._send(connection, method, repository + path, status, body, headers)

    layers = [os.urandom(100) for _ in range(8)]
    manifest = _manifest(layers, "counted")
    yield "push 1 MiB (HEAD, POST, PUT)", blob(small)
    yield "push 1 MiB (HEAD, POST, PATCH, PUT)", blob(late, late=True)
    yield "push 64 MiB (HEAD, POST, PUT)", blob(large)
    yield "push 64 MiB (HEAD, POST, PATCH, PUT)", blob(large_late, late=True)
    yield "push of a blob that is there (POST, PUT)", blob(small, head=False)
    yield "HEAD blob", send("HEAD", f"/blobs/{image.digest(small)}", 200)
    yield "GET blob", send("GET", f"/blobs/{image.digest(small)}", 200)
    for content in layers:
        blob(content)()
    yield "PUT manifest with 7 layers, tagged", send(
        "PUT", "/manifests/latest", 201, manifest, {"Content-Type": image.MANIFEST_TYPE})
    yield "the same again", send("PUT", "/manifests/latest", 201, manifest, {"Content-Type": image.MANIFEST_TYPE})
    yield "GET manifest by tag", send("GET", "/manifests/latest", 200, headers=image.ACCEPT)
    yield "GET manifest by digest", send("GET", f"/manifests/{image.digest(manifest)}", 200, headers=image.ACCEPT)
    yield "list of tags", send("GET", "/tags/list", 200)


def _path(location):
    return location if location.startswith("/") else "/" + location.split("/", 3)[3]


def _manifest(layers, seed):
    return json.dumps({
        "schemaVersion": 2, "mediaType": image.MANIFEST_TYPE,
        "config": image._descriptor("config.v1+json", layers[0]),
        "layers": [image._descriptor("layer.v1.tar+gzip", layer) for layer in layers[1:]],
        "annotations": {"seed": seed}}).encode()


LAYERS = [hashlib.sha256(bytes([index])).digest() * 20 for index in range(8)]


def _push_layers(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for content in LAYERS:
        _, location = image._send(connection, "POST", "/v2/bench/manifests/blobs/uploads/", 202)
        location = _path(location)
        location += ("&" if "?" in location else "?") + "digest=" + image.digest(content)
        image._send(connection, "PUT", location, 201, content, {"Content-Type": "application/octet-stream"})


def _put_manifests(server, count, seed):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for number in range(count):
        image._send(connection, "PUT", f"/v2/bench/manifests/manifests/t-{seed}-{number}", 201,
                    _manifest(LAYERS, f"{seed}-{number}"), {"Content-Type": image.MANIFEST_TYPE})


def _together(count, work):
    """Seconds until all of `count` threads are done."""
    failures = []

    def run(index):
        try:
            work(index)
        except Exception as error:  # Told below, in the thread that measures.
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise BenchmarkError(str(failures[0]))
    return time.monotonic() - begin


def _put_objects(bucket, count, name, content):
    connection = http.client.HTTPConnection("127.0.0.1", bucket.port, timeout=60)
    for number in range(count):
        # Without a hash of the content, as the limit of what any client can do.
        bucket.request("PUT", f"direct/{name}-{number}", body=content, payload="UNSIGNED-PAYLOAD", connection=connection)
    connection.close()
