#!/usr/bin/env python3
"""Writes Tests/S3Tests/Signing/BotocoreVectors.swift: what botocore's S3 signers answer for awkward requests.

Run it only to change the table; the tests need neither Python nor botocore:
    python3 Tests/Tools/sigv4-vectors.py > Tests/S3Tests/Signing/BotocoreVectors.swift
"""

import datetime
import hashlib

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
TOKEN = "IQoJb3JpZ2luX2VjEJ///////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/=="
DATE = 1369353600

KEYS = [
    "a", "blobs/sha256/" + "0f" * 32, "test$file.text", "a b+c%20d", "with~tilde_and-dash.dot", "//double//slash/",
    "./../dots/.", "ünïcödé/ключ/鍵", "👩‍👩‍👧", "quotes'\"`", "!*'();:@&=+$,?#[]", "{}|\\^<>", "line\nfeed\ttab", "\x7f\x01",
]
QUERIES = [
    [("uploads", "")], [("lifecycle", "")], [("max-keys", "2"), ("prefix", "J")],
    [("list-type", "2"), ("prefix", "a/ü b+c"), ("start-after", "a/~'()*!"), ("encoding-type", "url")],
    [("partNumber", "10"), ("uploadId", "a.b_c-d~e/f+g=h==")], [("a", "1"), ("a-b", "2"), ("A", "3"), ("a1", "4")],
    [("x", "b"), ("x", "a"), ("x", "")], [("é", "1"), ("z", "2"), ("Z", "3")],
    [("empty", ""), ("space", " "), ("percent", "%41"), ("amp", "a&b=c")],
]
FIELDS = [
    [("Range", "bytes=0-9")],
    [("x-amz-storage-class", "REDUCED_REDUNDANCY")],
    [("Content-Type", "application/vnd.oci.image.manifest.v1+json"), ("x-amz-meta-Alg", "sha512")],
    [("x-amz-meta-spaces", "  a   b\t c  "), ("If-None-Match", "*")],
    [("If-Match", '"0123456789abcdef"'), ("x-amz-server-side-encryption", "aws:kms")],
    [("User-Agent", "changed/on the way"), ("Expect", "100-continue"), ("x-amz-copy-source", "/b/k%20y")],
    [("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("x-amz-acl", "private"), ("X-Amz-Tagging", "a=b&c=d")],
]
HOSTS = ["examplebucket.s3.amazonaws.com", "127.0.0.1:7480", "[::1]:9000"]
REGIONS = ["us-east-1", "eu-central-1", "default"]
DATES = [DATE, 1456746615, 946684799, 4102444800]


def cases():
    for index, key in enumerate(KEYS):
        yield ("GET", key, [], [], EMPTY, index)
        yield ("PUT", key, [("partNumber", "1"), ("uploadId", key)], FIELDS[index % len(FIELDS)], UNSIGNED, index + 1)
    for index, query in enumerate(QUERIES):
        yield ("GET", "", query, [], EMPTY, index)
        yield ("POST", "k e y", query, FIELDS[index % len(FIELDS)], UNSIGNED, index + 1)
    for index, fields in enumerate(FIELDS):
        body = hashlib.sha256(f"body {index}".encode()).hexdigest()
        yield ("PUT", "key", [], fields, body, index)
        yield ("DELETE", "key", [], fields, EMPTY, index + 1)


def at(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda *_, **__: moment


def url_of(host, key, query):
    url = f"https://{host}/{percent_encode(key, safe='/~')}"
    return url + ("?" + percent_encode_sequence(query) if query else "")


def swift(text):
    out = ""
    for character in text:
        if character in "\\\"":
            out += "\\" + character
        elif 0x20 <= ord(character) < 0x7f:
            out += character
        else:
            out += f"\\u{{{ord(character):x}}}"
    return f'"{out}"'


def pairs(items):
    return "[" + ", ".join(f"({swift(name)}, {swift(value)})" for name, value in items) + "]"


def answers(method, key, query, fields, payload, number):
    host, region, date = HOSTS[number % 3], REGIONS[number // 2 % 3], DATES[number // 3 % 4]
    token = TOKEN if number % 2 else None
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token)
    at(date)
    request = AWSRequest(method=method, url=url_of(host, key, query), headers=dict(fields))
    signer = botocore.auth.S3SigV4Auth(credentials, "s3", region)
    signer.payload = lambda _: payload
    signer.add_auth(request)
    validity = 60 + number * 1000
    # botocore cannot presign a parameter that is there twice.
    if len(dict(query)) < len(query):
        return host, region, date, token, request.headers["Authorization"], validity, None
    presigned = AWSRequest(method="GET", url=url_of(host, key, query))
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", region, expires=validity).add_auth(presigned)
    parameters = presigned.url.split("?", 1)[1].split("&")
    signature = [item for item in parameters if item.startswith("X-Amz-Signature=")]
    rest = sorted((item for item in parameters if item not in signature), key=lambda item: item.split("=", 1))
    return host, region, date, token, request.headers["Authorization"], validity, "&".join(rest + signature)


def main():
    print("// swift-format-ignore-file")
    print("// Written by Tests/Tools/sigv4-vectors.py with botocore " + botocore.__version__ + ".")
    print()
    print("/// What botocore's S3SigV4Auth and S3SigV4QueryAuth answer for one request.")
    print("struct BotocoreVector: Sendable {")
    for name, kind in [
        ("method", "String"), ("key", "String"), ("query", "[(name: String, value: String)]"),
        ("fields", "[(name: String, value: String)]"), ("payloadHash", "String"), ("host", "String"),
        ("region", "String"), ("date", "Int"), ("token", "String?"), ("authorization", "String"),
        ("validity", "Int"), ("presignedQuery", "String?"),
    ]:
        print(f"    let {name}: {kind}")
    print()
    print("    static let all: [BotocoreVector] = [")
    for case in cases():
        method, key, query, fields, payload, number = case
        host, region, date, token, authorization, validity, presigned = answers(*case)
        print(f"        BotocoreVector(method: {swift(method)}, key: {swift(key)}, query: {pairs(query)}, fields: {pairs(fields)},")
        print(f"            payloadHash: {swift(payload)}, host: {swift(host)}, region: {swift(region)}, date: {date},")
        print(f"            token: {swift(token) if token else 'nil'},")
        print(f"            authorization: {swift(authorization)},")
        print(f"            validity: {validity}, presignedQuery: {swift(presigned) if presigned else 'nil'}),")
    print("    ]")
    print("}")


main()
