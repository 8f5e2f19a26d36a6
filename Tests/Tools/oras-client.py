#!/usr/bin/env python3
"""oras-client.py COMMAND HOST …: the oras Python client, one operation a call.

push HOST/REPO:TAG FILE [chunked|whole] [SUBJECT]   pushes FILE as an artifact; prints the manifest's digest.
                                                    SUBJECT is JSON: {"mediaType", "digest", "size"}
pull HOST/REPO:TAG DIRECTORY                        pulls the artifact's files; prints their paths
tags HOST/REPO                                      prints the tags
delete HOST/REPO:TAG                                deletes the manifest that the tag names
login HOST USER PASSWORD                            writes them into the user's config.json of docker

Over plain http, or over TLS if the environment has REGISTRY_CA, the file of certificates to trust; REGISTRY_CERTIFICATE
and REGISTRY_KEY are files of the client's own. With REGISTRY_AUTH=basic it sends passwords instead of tokens.
"""
import json
import os
import sys
import types

import oras.client
import oras.decorator
import oras.oci

# It would wait two minutes before it gives up what was refused.
oras.decorator.time = types.SimpleNamespace(sleep=lambda seconds: None)


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


def login(client, target, user, password):
    # Nothing answers there, so that no engine on this machine is asked.
    os.environ["DOCKER_HOST"] = "unix:///nonexistent"
    client.login(user, password, hostname=target)


def connect(target):
    settings = os.environ
    authority = settings.get("REGISTRY_CA")
    client = oras.client.OrasClient(
        hostname=target.split("/")[0],
        insecure=authority is None,
        tls_verify=authority or True,
        auth_backend=settings.get("REGISTRY_AUTH", "token"),
    )
    if "REGISTRY_CERTIFICATE" in settings:
        client.session.cert = (settings["REGISTRY_CERTIFICATE"], settings["REGISTRY_KEY"])
    return client


if __name__ == "__main__":
    command, target, *arguments = sys.argv[1:]
    commands = {"push": push, "pull": pull, "tags": tags, "delete": delete, "login": login}
    commands[command](connect(target), target, *arguments)
