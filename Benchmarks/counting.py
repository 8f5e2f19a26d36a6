"""A proxy before the bucket that counts what a registry asks it, by S3's names of the operations."""

import collections
import contextlib
import socket
import threading
import urllib.parse


class CountingProxy:
    """Listens on `port` and forwards to `target`, one thread for each connection."""

    def __init__(self, target):
        self.target = target
        self.counts = collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def take(self):
        """The counts since the last time."""
        counts, self.counts = self.counts, collections.Counter()
        return counts

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, EOFError), client, socket.create_connection(
                ("127.0.0.1", self.target)) as server:
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests, answers = client.makefile("rb", 1 << 16), server.makefile("rb", 1 << 16)
            while True:
                lines, fields = _head(requests)
                method, target = lines[0].split()[:2]
                self.counts[operation(method.decode(), target.decode(), fields)] += 1
                server.sendall(b"".join(lines))
                if fields.get("expect"):
                    lines, head = _head(answers)
                    client.sendall(b"".join(lines))
                    if not lines[0].startswith(b"HTTP/1.1 100"):
                        _body(answers, client, head, int(lines[0].split()[1]), method)
                        continue
                _copy(requests, server, int(fields.get("content-length", 0)))
                lines, head = _head(answers)
                client.sendall(b"".join(lines))
                _body(answers, client, head, int(lines[0].split()[1]), method)


def operation(method, target, fields):
    """S3's name of a request."""
    path, _, text = target.partition("?")
    query = urllib.parse.parse_qs(text, keep_blank_values=True)
    has_key = path.strip("/").count("/") > 0
    copies = "x-amz-copy-source" in fields
    if method == "PUT" and "partNumber" in query:
        return "UploadPartCopy" if copies else "UploadPart"
    if method == "PUT":
        return "CopyObject" if copies else "PutObject"
    if method == "POST":
        return ("CreateMultipartUpload" if "uploads" in query else
                "CompleteMultipartUpload" if "uploadId" in query else "DeleteObjects")
    if method == "DELETE":
        return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
    if method == "GET" and "uploadId" in query:
        return "ListParts"
    if method == "GET" and not has_key:
        return "ListMultipartUploads" if "uploads" in query else "ListObjects"
    return {"GET": "GetObject", "HEAD": "HeadObject"}.get(method, method)


def _head(file):
    lines = []
    while not lines or lines[-1] != b"\r\n":
        line = file.readline(1 << 16)
        if not line:
            raise EOFError
        lines.append(line)
    pairs = (line.decode("latin-1").split(":", 1) for line in lines[1:-1])
    return lines, {name.strip().lower(): value.strip() for name, value in pairs}


def _copy(source, destination, count):
    while count > 0:
        piece = source.read1(min(count, 1 << 18))
        if not piece:
            raise EOFError
        destination.sendall(piece)
        count -= len(piece)


def _body(answers, client, fields, status, method):
    if method == b"HEAD" or status in (204, 304):
        return
    if fields.get("transfer-encoding", "").lower() != "chunked":
        return _copy(answers, client, int(fields.get("content-length", 0)))
    while True:
        line = answers.readline()
        client.sendall(line)
        size = int(line.split(b";")[0], 16)
        _copy(answers, client, size)
        client.sendall(answers.readline())
        if size == 0:
            return
