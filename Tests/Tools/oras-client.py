#!/usr/bin/env python3
"""oras-client.py COMMAND HOST …: the oras Python client over plain http, one operation a call.

push HOST/REPO:TAG FILE [chunked|whole] [SUBJECT]   pushes FILE as an artifact; prints the manifest's digest.
                                                    SUBJECT is JSON: {"mediaType", "digest", "size"}
pull HOST/REPO:TAG DIRECTORY                        pulls the artifact's files; prints their paths
tags HOST/REPO                                      prints the tags
delete HOST/REPO:TAG                                deletes the manifest that the tag names
"""
import json
import os
import sys

import oras.client
import oras.oci


def push(client, target, file, mode="whole", subject=None):
    more = {}
    if subject:
        fields = json.loads(subject)
        more["subject"] = oras.oci.Subject(fields["mediaType"], fields["digest"], fields["size"])
    response = client.push(
        target, files=[file], disable_path_validation=True, do_chunked=mode == "chunked", chunk_size=4 << 20, **more
    )
    print(response.headers["Docker-Content-Digest"])


def pull(client, target, directory):
    print("\n".join(client.pull(target, outdir=directory)))


def tags(client, target):
    print("\n".join(client.get_tags(target)))


def delete(client, target):
    name, _, tag = target.rpartition(":")
    deleted = client.delete_tags(name, tag)
    if deleted != [tag]:
        sys.exit(f"not deleted: {target}")


if __name__ == "__main__":
    command, target, *arguments = sys.argv[1:]
    client = oras.client.OrasClient(hostname=target.split("/")[0], insecure=True)
    {"push": push, "pull": pull, "tags": tags, "delete": delete}[command](client, target, *arguments)
