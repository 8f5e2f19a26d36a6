"""What is measured of TLS and of logins. Servers take turns within a round, as in parts.py."""

import contextlib
import dataclasses
import time

import image
from parts import BLOB_MIB, _thrown_away, _turns
from servers import NGINX

FLOOD_CONNECTIONS = 200


def small(stowage, docker, nginx, load, plan, results):
    """A manifest by tag and `/v2/` on 64 keep-alive connections: plain, and over TLS."""
    for number, turn in _turns(plan, [stowage, stowage.secure, docker.secure, nginx.secure]):
        for request in (image.BY_TAG, image.BASE):
            for server in turn:
                results.add("tls-small", request.name, server.name, number, load.requests(server, request, 64, plan.seconds))


def handshakes(stowage, nginx, load, plan, results):
    """New connections by 4 clients, with sessions of their own and with resumed ones."""
    for number, turn in _turns(plan, [stowage.secure, nginx.secure]):
        for resumed in (False, True):
            for server in turn:
                measured = load.handshakes(server, 4, plan.seconds, resumed)
                results.add("tls-handshakes", "resumed" if resumed else "full", server.name, number, measured)


def pull(stowage, docker, nginx, load, plan, results):
    """A large blob from a warm page cache over TLS."""
    paths = {}
    for server in (stowage, docker, nginx):
        base = f"/v2/{image.REPOSITORY}/blobs/"
        mode, target = ("put", base) if server.name == NGINX else ("post-put", image.REPOSITORY)
        paths[server.name] = base + load.transfers(server, mode, target, 1, 1, BLOB_MIB)["digest"]
    for number, turn in _turns(plan, [stowage, docker, nginx]):
        for connections in (1, 4):
            for server in turn:
                measured = load.transfers(server.secure, "get", paths[server.name], connections, 8 // connections)
                results.add("tls-pull", connections, server.secure.name, number, measured)


def push(stowage, docker, load, plan, results):
    """A large blob over TLS, each time with other content."""
    for number, turn in _turns(plan, [stowage, docker]):
        for mode in ("post-put", "post-patch"):
            for server in turn:
                with _thrown_away(server):
                    measured = load.transfers(server.secure, mode, "bench/push", 1, plan.pushes, BLOB_MIB)
                results.add("tls-push", mode, server.secure.name, number, measured)


def auth(server, load, plan, results):
    """A manifest by tag on 64 connections that everybody may pull: without a login, with a token, with a password. In
    three times as many rounds as others: what a login costs is less than what the machine varies by."""
    logins = {"anonymous": {}, "bearer": {"Authorization": server.token(image.REPOSITORY)},
              "basic": {"Authorization": server.basic}}
    for number, turn in _turns(dataclasses.replace(plan, rounds=3 * plan.rounds), list(logins)):
        for login in turn:
            request = image.Request(image.BY_TAG.name, image.BY_TAG.path, headers=image.ACCEPT | logins[login])
            results.add("auth", image.BY_TAG.name, login, number, load.requests(server, request, 64, plan.seconds))


def flood(server, load, plan, results):
    """Pulls with a token on 16 connections, alone and while 200 connections try passwords."""
    request = image.Request(image.BY_TAG.name, image.BY_TAG.path,
                            headers=image.ACCEPT | {"Authorization": server.token(image.REPOSITORY)})
    for number in range(plan.rounds):
        for name in ("alone", "flood"):
            with load.flood(server, FLOOD_CONNECTIONS, plan.seconds + 5) if name == "flood" else contextlib.nullcontext():
                if name == "flood":
                    time.sleep(0.5)  # Until all of them are connected.
                results.add("auth-flood", name, server.name, number, load.requests(server, request, 16, plan.seconds))
