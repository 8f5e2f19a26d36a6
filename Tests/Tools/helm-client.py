#!/usr/bin/env python3
"""helm-client.py COMMAND …: Helm's own library over plain http, one operation a call.

push ARCHIVE HOST/REPO            pushes a chart archive to REPO/<chart name>:<chart version>
pull HOST/REPO/CHART VERSION DIR  pulls the chart's archive into DIR
tags HOST/REPO/CHART              prints the versions
digest HOST/REPO/CHART:VERSION    prints the manifest's digest
"""
import sys

import helm_python.registry


def push(client, archive, target):
    client.push(archive, f"oci://{target}", plain_http=True)


def pull(client, target, version, directory):
    client.pull(f"oci://{target}", version=version, destination=directory, plain_http=True)


def tags(client, target):
    print("\n".join(client.tags(target)))


def digest(client, target):
    print(client.resolve(target)["digest"])


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    client = helm_python.registry.RegistryClient(plain_http=True)
    {"push": push, "pull": pull, "tags": tags, "digest": digest}[command](client, *arguments)
