"""What is measured. Servers take turns within a round, so that a noisy neighbour meets all of them alike."""

import contextlib
import os
import socket
import time
from dataclasses import dataclass

import image
from measure import BenchmarkError, memory_kib
from report import Results
from servers import HELLO, NGINX, running

BLOB_MIB = 256
IDLE_CONNECTIONS = 1000


@dataclass
class Plan:
    rounds: int = 3
    seconds: int = 2
    """Length of one measurement of small requests; wrk takes whole seconds."""
    pulls: int = 16
    """256 MiB blobs pulled in one measurement, over all connections."""
    pushes: int = 2
    starts: int = 10
    memory_seconds: int = 30
    """How long the parallel pushes into the bucket run whose memory is looked at."""


def _turns(plan, servers):
    """Every round with its servers, in an order that turns from round to round."""
    for number in range(plan.rounds):
        shift = number % len(servers)
        yield number, servers[shift:] + servers[:shift]


def small(servers, load, plan, results: Results):
    """Small requests on keep-alive connections."""
    for server in servers:
        load.requests(server, image.BASE if server.name == HELLO else image.BY_TAG, 64, 1)
    for number, turn in _turns(plan, servers):
        for connections in (64, 512):
            for request in image.REQUESTS:
                for server in turn:
                    if server.name != HELLO or request is image.BASE:
                        measured = load.requests(server, request, connections, plan.seconds)
                        results.add("small", (request.name, connections), server.name, number, measured)


def pull(servers, load, plan, results):
    """A large blob from a warm page cache, on 1 and 4 connections."""
    paths = {}
    for server in servers:
        base = f"/v2/{image.REPOSITORY}/blobs/"
        mode, target = ("post-put", image.REPOSITORY) if server.is_registry else ("put", base)
        paths[server.name] = base + load.transfers(server, mode, target, 1, 1, BLOB_MIB)["digest"]
        load.transfers(server, "get", paths[server.name], 1, 1)
    for number, turn in _turns(plan, servers):
        for connections in (1, 4):
            for server in turn:
                measured = load.transfers(server, "get", paths[server.name], connections, plan.pulls // connections)
                results.add("pull", connections, server.name, number, measured)


def push(servers, load, plan, results, place):
    """A large blob with a digest, in one PUT and in a chunked PATCH, each time with other content."""
    for number, turn in _turns(plan, servers):
        for mode in ("post-put", "post-patch"):
            for server in turn:
                if server.is_registry:
                    with _thrown_away(server):
                        measured = load.transfers(server, mode, "bench/push", 1, plan.pushes, BLOB_MIB)
                    results.add("push", (mode, place), server.name, number, measured)
        for server in turn:
            if server.name == NGINX:
                with _thrown_away(server):
                    measured = load.transfers(server, "put", "/push/", 1, plan.pushes, BLOB_MIB)
                results.add("push", ("post-put", place), NGINX, number, measured)
        results.add("push", ("post-put", place), "write", number, _plain_write(servers[0].directory, plan.pushes))


def mixed(servers, load, plan, results, place):
    """Small requests on 16 connections while two pushes of 1 GiB saturate the server."""
    for number, turn in _turns(plan, [server for server in servers if server.is_registry]):
        for server in turn:
            options = ["-c", 2, "-n", 1, "-m", 1024, "-s", 10**9 + number * 2, "-t", plan.seconds + 1]
            with _thrown_away(server), load.started(server, "post-patch", "bench/mixed", *options) as pushes:
                measured = load.requests(server, image.BY_TAG, 16, plan.seconds)
                pushed = pushes.finish()
            measured["megabytes_per_second"] = pushed["bytes"] / pushed["seconds"] / 1e6
            results.add("mixed", place, server.name, number, measured)


def memory(make_servers, plan, results):
    """Resident memory of a fresh process: idle, and with many idle connections that each made one request."""
    for number in range(plan.rounds):
        with running(make_servers()) as servers:
            for server in servers:
                time.sleep(1)
                idle = memory_kib(server.pids)
                image.push(server)
                with contextlib.ExitStack() as connections:
                    for _ in range(50):
                        _one_request(server)
                    before = memory_kib(server.pids)
                    for _ in range(IDLE_CONNECTIONS):
                        connections.enter_context(_one_request(server))
                    each = (memory_kib(server.pids) - before) / IDLE_CONNECTIONS
                results.add("memory", "fresh", server.name, number, {"idle_mib": idle / 1024, "connection_kib": each})


def start(make_servers, plan, results):
    """Time from exec to the first answer of GET /v2/, on a directory that holds the image."""
    with running(make_servers()) as servers:
        for server in servers:
            image.push(server)
        for number in range(plan.starts):
            for server in servers:
                server.stop()
                results.add("start", "start", server.name, number, {"ms": server.start() * 1e3})


def after_run(servers, results):
    """Resident memory of the processes that served everything before."""
    time.sleep(2)
    for server in servers:
        if server.is_registry:
            results.add("memory", "after", server.name, 0, {"mib": memory_kib(server.pids) / 1024})


def _one_request(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    accept = image.ACCEPT["Accept"]
    connection.sendall(f"GET {image.BY_TAG.path} HTTP/1.1\r\nHost: b\r\nAccept: {accept}\r\n\r\n".encode())
    received = b""
    while not received.endswith(image.MANIFEST[-16:]):
        part = connection.recv(65536)
        if not part:
            raise BenchmarkError(f"{server.name} closed a connection it should keep")
        received += part
    return connection


@contextlib.contextmanager
def _thrown_away(server):
    """Deletes what was pushed within the block, so that neither the disk nor its queue is full for the next one."""
    begin = time.time() - 1
    yield
    for directory, _, names in os.walk(server.directory):
        for name in names:
            path = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(path)
                if status.st_size >= 1 << 20 and status.st_mtime >= begin:
                    os.unlink(path)
    os.sync()


def _plain_write(directory, count):
    """The limit of the file system: the same bytes from memory, written and fsynced with no server between."""
    block = os.urandom(1 << 20)
    path = os.path.join(directory, "plain-write")
    begin, cpu = time.monotonic(), time.process_time()
    for _ in range(count):
        with open(path, "wb", buffering=0) as file:
            for _ in range(BLOB_MIB):
                file.write(block)
            os.fsync(file.fileno())
        os.rename(path, path + ".done")
    seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
    os.unlink(path + ".done")
    size = count * BLOB_MIB << 20
    return {"megabytes_per_second": size / seconds / 1e6, "cpu_per_gigabyte": cpu / size * 1e9}
