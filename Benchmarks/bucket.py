"""The bucket: a radosgw of its own, and a plain S3 client that shows what the bucket can do without a registry."""

import contextlib
import datetime
import hashlib
import hmac
import http.client
import os
import re
import select
import subprocess
import threading
import time
import urllib.parse

from measure import BenchmarkError, cpu_seconds, tree

ACCESS_KEY, SECRET_KEY, REGION, NAME = "testaccess", "testsecret12345678", "us-east-1", "test"
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Tests/Tools/s3/ceph.py")
PART_MIB, CONNECTIONS = 16, 4


class Bucket:
    """radosgw with its bytes in memory (memstore) or in a sparse file (bluestore) in `directory`."""

    name = "bucket"
    is_tls = False

    def __init__(self, directory, store):
        self.directory, self.store = directory, store
        self.size = "8G" if store == "memstore" else "64G"
        self.process, self.port = None, 0

    @property
    def pids(self):
        return tree(self.process.pid)

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", SCRIPT, "--store", self.store, "--size", self.size, "--directory", self.directory],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        spoke, _, _ = select.select([self.process.stdout], [], [], 90)
        line = self.process.stdout.readline() if spoke else ""
        if not line.startswith("ready "):
            self.process.kill()
            raise BenchmarkError(f"radosgw does not start; Tests/Tools/s3/install.sh installs it\n"
                                 f"{self.process.communicate()[1]}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()

    # Requests

    def request(self, method, key, query=None, body=b"", payload=None, connection=None):
        """Sends a signed request and returns the answer's body; every status but 2xx ends the benchmark."""
        path = urllib.parse.quote(f"/{NAME}/{key}")
        text = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in sorted((query or {}).items()))
        fields = self._signed(method, path, text, payload or hashlib.sha256(body).hexdigest())
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own.request(method, path + ("?" + text if text else ""), body, fields)
        answer = own.getresponse()
        content = answer.read()
        if connection is None:
            own.close()
        if answer.status // 100 != 2:
            raise BenchmarkError(f"bucket: {method} {key}: {answer.status} {content[:300]}")
        return content, answer.headers

    def _signed(self, method, path, query, payload):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        fields = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": payload, "x-amz-date": stamp}
        canonical = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in fields.items()), "",
                               ";".join(fields), payload])
        credential, signature = self._signature(day, stamp, canonical)
        return fields | {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, "
                                          f"SignedHeaders={';'.join(fields)}, Signature={signature}"}

    def _signature(self, day, stamp, canonical):
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET_KEY).encode()
        for part in [*scope.split("/"), text]:
            key = hmac.digest(key, part.encode(), "sha256")
        return f"{ACCESS_KEY}/{scope}", key.hex()

    def presigned_path(self, key):
        """The path and query of a GET that needs no headers."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        path = urllib.parse.quote(f"/{NAME}/{key}")
        query = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{ACCESS_KEY}/{day}/{REGION}/s3/aws4_request",
                 "X-Amz-Date": stamp, "X-Amz-Expires": "36000", "X-Amz-SignedHeaders": "host"}
        text = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in sorted(query.items()))
        canonical = "\n".join(["GET", path, text, f"host:127.0.0.1:{self.port}", "", "host", "UNSIGNED-PAYLOAD"])
        return f"{path}?{text}&X-Amz-Signature={self._signature(day, stamp, canonical)[1]}"

    def keys(self, prefix):
        """Every key below a prefix with its size."""
        found, after = {}, ""
        while True:
            content, _ = self.request("GET", "", {"list-type": "2", "prefix": prefix, "start-after": after})
            page = re.findall(r"<Key>([^<]*)</Key>.*?<Size>(\d+)</Size>", content.decode(), re.S)
            found |= {key: int(size) for key, size in page}
            if b"<IsTruncated>true" not in content:
                return found
            after = page[-1][0]

    def delete(self, keys):
        for key in keys:
            self.request("DELETE", key)

    # The limit

    def upload(self, key, mebibytes):
        """A parallel multipart upload, as fast as a client that reads from memory and signs its payload can."""
        block = os.urandom(1 << 20)
        part = block * PART_MIB
        numbers = list(range(1, mebibytes // PART_MIB + 1))
        before, begin = cpu_seconds(self.pids), time.monotonic()
        content, _ = self.request("POST", key, {"uploads": ""})
        upload = re.search(rb"<UploadId>([^<]+)</UploadId>", content)[1].decode()
        etags, failures, lock = {}, [], threading.Lock()

        def work():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while True:
                with lock:
                    if not numbers or failures:
                        return connection.close()
                    number = numbers.pop(0)
                try:
                    payload = hashlib.sha256(part).hexdigest()
                    _, fields = self.request("PUT", key, {"partNumber": str(number), "uploadId": upload}, part, payload,
                                             connection)
                    etags[number] = fields["ETag"]
                except Exception as error:  # Told below, in the thread that measures.
                    failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise BenchmarkError(f"bucket: {failures[0]}")
        parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
                        for number, etag in sorted(etags.items()))
        self.request("POST", key, {"uploadId": upload},
                     f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())
        seconds, size = time.monotonic() - begin, mebibytes << 20
        return {"megabytes_per_second": size / seconds / 1e6,
                "cpu_per_gigabyte": (cpu_seconds(self.pids) - before) / size * 1e9}
