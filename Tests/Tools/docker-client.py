#!/usr/bin/env python3
"""docker-client.py COMMAND ENGINE NAME [USER PASSWORD]: docker's library for Python, one operation a call.

login ENGINE HOST USER PASSWORD         asks the registry whether it takes them
push ENGINE HOST/REPO:TAG [USER PASSWORD]   logs in, if there is a user, and pushes an image the engine has
pull ENGINE HOST/REPO:TAG [USER PASSWORD]   the same for pulling; prints the image's digest
"""
import sys

import docker


def push(client, name):
    repository, _, tag = name.rpartition(":")
    for line in client.images.push(repository, tag=tag, stream=True, decode=True):
        if "error" in line:
            sys.exit(line["error"])


def pull(client, name):
    repository, _, tag = name.rpartition(":")
    print(client.images.pull(repository, tag=tag).attrs["RepoDigests"])


def main():
    command, engine, name, *login = sys.argv[1:]
    client = docker.DockerClient(base_url=engine)
    if login:
        user, password = login
        client.login(user, password, registry=name.split("/")[0])
    {"login": lambda *_: None, "push": push, "pull": pull}[command](client, name)


if __name__ == "__main__":
    main()
