#!/usr/bin/env python3
"""helm-client.py COMMAND …: Helm's own library, one operation a call.

push ARCHIVE HOST/REPO            pushes a chart archive to REPO/<chart name>:<chart version>
pull HOST/REPO/CHART VERSION DIR  pulls the chart's archive into DIR
tags HOST/REPO/CHART              prints the versions
digest HOST/REPO/CHART:VERSION    prints the manifest's digest
login HOST USER PASSWORD          asks the registry whether it takes them, and keeps them for later calls
logout HOST                       forgets them
session                           executes lines of standard input, each a command as above, with one and the same
                                  client; prints `done` or `failed: …` after each

Over plain http, or over TLS if the environment has SSL_CERT_FILE, the file of certificates to trust.
"""
import os
import sys

import helm_python.errors
import helm_python.registry

PLAIN = "SSL_CERT_FILE" not in os.environ


def push(client, archive, target):
    client.push(archive, f"oci://{target}", plain_http=PLAIN)


def pull(client, target, version, directory):
    client.pull(f"oci://{target}", version=version, destination=directory, plain_http=PLAIN)


def tags(client, target):
    print("\n".join(client.tags(target)))


def digest(client, target):
    print(client.resolve(target)["digest"])


def login(client, host, user, password):
    client.login(host, user, password)


def logout(client, host):
    client.logout(host)


def session(client):
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            COMMANDS[command](client, *arguments)
            print("done", flush=True)
        except helm_python.errors.HelmError as error:
            print("failed:", error, flush=True)


COMMANDS = {
    "push": push, "pull": pull, "tags": tags, "digest": digest, "login": login, "logout": logout, "session": session,
}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    COMMANDS[command](helm_python.registry.RegistryClient(plain_http=PLAIN), *arguments)
