#!/usr/bin/env python3
"""cri-pull.py SOCKET IMAGE [SECRET]: pulls IMAGE as the kubelet does, by CRI's PullImage; prints the image's id.

SECRET is a file that `kubectl create secret docker-registry` made: the credentials for the image's registry.

The two messages are small enough to write by hand, so no protocol compiler is needed:
PullImageRequest { ImageSpec image = 1 { string image = 1 }; AuthConfig auth = 2 { string username = 1, password = 2 } }
and PullImageResponse { string image_ref = 1 }.
"""
import base64
import json
import sys

import grpc


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def credentials(secret, image):
    """The AuthConfig of a pull secret, from its `auth`, as the kubelet takes it."""
    with open(secret, encoding="utf-8") as file:
        config = json.loads(base64.b64decode(json.load(file)["data"][".dockerconfigjson"]))
    auth = base64.b64decode(config["auths"][image.split("/")[0]]["auth"])
    user, _, password = auth.partition(b":")
    return field(2, field(1, user) + field(2, password))


def main():
    socket, image, *secret = sys.argv[1:]
    request = field(1, field(1, image.encode()))
    if secret:
        request += credentials(secret[0], image)
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        pull = channel.unary_unary(
            "/runtime.v1.ImageService/PullImage", request_serializer=bytes, response_deserializer=bytes
        )
        answer = pull(request, timeout=60)
    if answer[:1] != b"\x0a" or answer[1] != len(answer) - 2:
        sys.exit(f"unexpected answer: {answer!r}")
    print(answer[2:].decode())


if __name__ == "__main__":
    main()
