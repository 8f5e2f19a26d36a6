#!/usr/bin/env python3
"""cri-pull.py SOCKET IMAGE: pulls IMAGE as the kubelet does, by CRI's PullImage; prints the image's id.

The two messages are small enough to write by hand, so no protocol compiler is needed:
PullImageRequest { ImageSpec image = 1 { string image = 1 } } and PullImageResponse { string image_ref = 1 }.
"""
import sys

import grpc


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def first_field(payload):
    return b"\x0a" + varint(len(payload)) + payload


def main():
    socket, image = sys.argv[1:]
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        pull = channel.unary_unary(
            "/runtime.v1.ImageService/PullImage", request_serializer=bytes, response_deserializer=bytes
        )
        answer = pull(first_field(first_field(image.encode())), timeout=60)
    if answer[:1] != b"\x0a" or answer[1] != len(answer) - 2:
        sys.exit(f"unexpected answer: {answer!r}")
    print(answer[2:].decode())


if __name__ == "__main__":
    main()
