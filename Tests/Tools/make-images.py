#!/usr/bin/env python3
"""make-images.py OUT [--big-mib N]: makes an OCI image layout in OUT, without network, for the end-to-end tests.

The images run without anything from a hub: their only program is a static one that this file assembles itself. The
same arguments, Python and zstd always give the same digests. Needs the standard library and the zstd command.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import random
import struct
import subprocess
import tarfile

EPOCH = 1_700_000_000
CREATED = "2023-11-14T22:13:20Z"
RELEASES = [f"1.{number}" for number in range(1, 11)]
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
FOREIGN = {"amd64": "arm64", "arm64": "amd64"}[NATIVE]

OCI = "application/vnd.oci.image."
OCI_MANIFEST = OCI + "manifest.v1+json"
OCI_INDEX = OCI + "index.v1+json"
OCI_CONFIG = OCI + "config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
TAR, GZIP, ZSTD = (OCI + "layer.v1.tar" + suffix for suffix in ("", "+gzip", "+zstd"))
DOCKER = "application/vnd.docker."
DOCKER_MANIFEST = DOCKER + "distribution.manifest.v2+json"
DOCKER_LIST = DOCKER + "distribution.manifest.list.v2+json"
DOCKER_CONFIG = DOCKER + "container.image.v1+json"
DOCKER_LAYER = DOCKER + "image.rootfs.diff.tar.gzip"


# What goes into layers


def program(architecture, text):
    """A static Linux program of one segment that writes `text` to standard output and exits with 0."""
    message = text.encode()
    if architecture == "amd64":
        machine = 62
        code = b"\xb8" + struct.pack("<I", 1)  # mov eax, 1 (write)
        code += b"\xbf" + struct.pack("<I", 1)  # mov edi, 1
        code += b"\x48\x8d\x35" + struct.pack("<i", 16)  # lea rsi, [rip + 16]: what follows the code
        code += b"\xba" + struct.pack("<I", len(message))  # mov edx, length
        code += b"\x0f\x05"  # syscall
        code += b"\xb8" + struct.pack("<I", 60) + b"\x31\xff\x0f\x05"  # mov eax, 60 (exit); xor edi, edi; syscall
    else:
        machine = 183
        code = struct.pack(
            "<8I",
            0xD2800020,  # mov x0, 1
            0x100000E1,  # adr x1, 28 bytes on: what follows the code
            0xD2800002 | len(message) << 5,  # mov x2, length
            0xD2800808,  # mov x8, 64 (write)
            0xD4000001,  # svc 0
            0xD2800000,  # mov x0, 0
            0xD2800BA8,  # mov x8, 93 (exit)
            0xD4000001,  # svc 0
        )
    address, heads = 0x400000, 64 + 56
    size = heads + len(code) + len(message)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, address + heads, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, size, size, 0x1000)
    return ident + head + segment + code + message


def text_like(seed, size):
    """`size` bytes that compress about as well as program text."""
    source = random.Random(seed)
    words = [source.randbytes(source.randint(2, 7)).hex() for _ in range(4000)]
    out = bytearray()
    while len(out) < size:
        out += " ".join(source.choices(words, k=2000)).encode() + b"\n"
    return bytes(out[:size])


def incompressible(seed, size):
    return random.Random(seed).randbytes(size)


def tar(files, executables=()):
    """An archive of {path: bytes}, with the directories above each path."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        seen = set()
        for path in sorted(files):
            parts = path.split("/")
            for depth in range(1, len(parts)):
                directory = "/".join(parts[:depth])
                if directory not in seen:
                    seen.add(directory)
                    entry = tarfile.TarInfo(directory)
                    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, EPOCH
                    archive.addfile(entry)
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(files[path]), EPOCH
            entry.mode = 0o755 if path in executables else 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    return out.getvalue()


def gzipped(data):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=4, mtime=0, filename="") as stream:
        stream.write(data)
    return out.getvalue()


def zstandard(data):
    return subprocess.run(["zstd", "-q", "-3", "-T1", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


# The layout


class Layout:
    """An OCI image layout that is being written."""

    def __init__(self, path):
        self.path = path
        self.tags = []
        os.makedirs(f"{path}/blobs/sha256", exist_ok=True)

    def blob(self, data, media_type, **more):
        """Stores `data` and returns its descriptor."""
        name = hashlib.sha256(data).hexdigest()
        with open(f"{self.path}/blobs/sha256/{name}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + name, "size": len(data), **more}

    def json(self, value, media_type, **more):
        return self.blob(json.dumps(value, separators=(",", ":")).encode(), media_type, **more)

    def layer(self, archive, media_type=GZIP):
        """Stores a tar archive in the form `media_type` names; returns its descriptor and the archive's digest."""
        compress = {TAR: bytes, GZIP: gzipped, ZSTD: zstandard}[media_type]
        return self.blob(compress(archive), media_type), "sha256:" + hashlib.sha256(archive).hexdigest()

    def config(self, diff_ids, architecture=NATIVE, media_type=OCI_CONFIG, **labels):
        return self.json(
            {
                "created": CREATED,
                "architecture": architecture,
                "os": "linux",
                **({"variant": "v8"} if architecture == "arm64" else {}),
                "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/app"], "Labels": labels},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
                "history": [{"created": CREATED, "created_by": f"layer {i}"} for i in range(len(diff_ids))],
            },
            media_type,
        )

    def manifest(self, config, layers, media_type=OCI_MANIFEST, **more):
        value = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers, **more}
        return self.json(value, media_type)

    def image(self, layers, architecture=NATIVE, labels={}, **more):
        """A manifest of the (descriptor, diff id) pairs that `layer` returns."""
        config = self.config([diff_id for _, diff_id in layers], architecture, **labels)
        return self.manifest(config, [descriptor for descriptor, _ in layers], **more)

    def index(self, manifests, media_type=OCI_INDEX, **more):
        return self.json({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests, **more}, media_type)

    def tag(self, name, descriptor):
        """Names a manifest in index.json and returns its descriptor."""
        plain = {key: descriptor[key] for key in ("mediaType", "digest", "size")}
        self.tags.append({**plain, "annotations": {"org.opencontainers.image.ref.name": name}})
        return plain

    def finish(self):
        with open(f"{self.path}/oci-layout", "w") as file:
            file.write('{"imageLayoutVersion":"1.0.0"}')
        with open(f"{self.path}/index.json", "w") as file:
            json.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.tags}, file)


# The images


def base_archives():
    """The archives all releases share, largest first, like a distribution, a runtime and libraries."""
    release = b'PRETTY_NAME="Stowage test image"\nID=stowage-test\n'
    base = {f"usr/lib/base{i}.so": text_like(100 + i, 1_200_000) for i in range(16)}
    runtime = {f"usr/lib/runtime/module{i}.py": text_like(200 + i, 300_000) for i in range(24)}
    libraries = {f"usr/share/deps/dep{i:02d}.py": text_like(300 + i, 150_000) for i in range(20)}
    directories = {name + "/.keep": b"" for name in ("dev", "etc", "proc", "sys", "tmp")}
    return [
        tar({**base, **directories, "etc/os-release": release}),
        tar(runtime),
        tar(libraries),
        tar({"etc/app/app.conf": b"port=8080\n"}),
    ]


def app_archive(version, architecture=NATIVE):
    """The one archive in which releases differ: the program, and assets that do not compress."""
    run = program(architecture, f"stowage test image, release {version}\n")
    assets = incompressible(f"{architecture}/{version}", 1_500_000)
    return tar({"bin/app": run, "app/assets.bin": assets, "app/version": version.encode()}, {"bin/app"})


def add_releases(layout):
    """app-1.1 to app-1.10, and the last once more with zstd, uncompressed and as docker's schema 2."""
    archives = base_archives()
    shared = [layout.layer(archive) for archive in archives]
    for version in RELEASES:
        newest = app_archive(version)
        layers = shared + [layout.layer(newest)]
        annotations = {"org.opencontainers.image.version": version, "org.opencontainers.image.created": CREATED}
        release = layout.tag(f"app-{version}", layout.image(layers, annotations=annotations))
    zstd = [layout.layer(a, ZSTD) for a in archives + [newest]]
    layout.tag("app-zstd", layout.image(zstd, labels={"form": "zstd"}))
    plain = [layout.layer(a, TAR) for a in archives[2:] + [newest]]
    layout.tag("app-tar", layout.image(plain, labels={"form": "tar"}))
    docker = layout.manifest(
        layout.config([diff_id for _, diff_id in layers], media_type=DOCKER_CONFIG, form="docker"),
        [{**descriptor, "mediaType": DOCKER_LAYER} for descriptor, _ in layers],
        DOCKER_MANIFEST,
    )
    layout.tag("app-docker", docker)
    listed = {**docker, "platform": {"architecture": NATIVE, "os": "linux"}}
    layout.tag("multi-docker", layout.index([listed], DOCKER_LIST))
    return release, shared


def add_indexes(layout, release, shared):
    """Two architectures with a build attestation beside them, and an index of that index."""
    variant = {"arm64": {"variant": "v8"}, "amd64": {}}
    native = {**release, "platform": {"architecture": NATIVE, "os": "linux", **variant[NATIVE]}}
    other = layout.image(shared[1:] + [layout.layer(app_archive(RELEASES[-1], FOREIGN))], FOREIGN)
    other = {**other, "platform": {"architecture": FOREIGN, "os": "linux", **variant[FOREIGN]}}
    statement = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": "app", "digest": {"sha256": release["digest"].removeprefix("sha256:")}}],
        "predicate": {"builder": {"id": "make-images"}},
    }
    provenance = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
    attestation = layout.manifest(
        layout.blob(b"{}", OCI_EMPTY),
        [layout.json(statement, "application/vnd.in-toto+json", annotations=provenance)],
    )
    attested = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": release["digest"],
    }
    unknown = {"architecture": "unknown", "os": "unknown"}
    attestation = {**attestation, "platform": unknown, "annotations": attested}
    multi = layout.tag("multi", layout.index([native, other, attestation]))
    layout.tag("nested", layout.index([multi, native]))
    return multi


def add_artifacts(layout, release, multi):
    """Referrers, one of them of a referrer, and a Helm chart."""

    def referrer(tag, artifact_type, payload, media_type, subject):
        layers = [layout.blob(payload, media_type, annotations={"org.opencontainers.image.title": tag})]
        annotations = {"org.opencontainers.image.created": CREATED}
        empty = layout.blob(b"{}", OCI_EMPTY)
        more = {"artifactType": artifact_type, "subject": subject, "annotations": annotations}
        return layout.tag(tag, layout.manifest(empty, layers, **more))

    packages = [{"name": f"package{i}", "versionInfo": str(i)} for i in range(2000)]
    document = json.dumps({"spdxVersion": "SPDX-2.3", "packages": packages}).encode()
    signature = "application/vnd.example.signature.v1"
    sbom = referrer("ref-sbom", "application/spdx+json", document, "application/spdx+json", release)
    referrer("ref-signature", signature, b"signature of the release", "application/octet-stream", release)
    referrer("ref-on-ref", signature, b"signature of the document", "application/octet-stream", sbom)
    referrer("ref-on-index", signature, b"signature of the index", "application/octet-stream", multi)

    chart = b"apiVersion: v2\nname: stowage-test\nversion: 0.1.0\n"
    archive = tar({"stowage-test/Chart.yaml": chart, "stowage-test/values.yaml": b"replicas: 1\n"})
    about = {"name": "stowage-test", "version": "0.1.0", "apiVersion": "v2"}
    layout.tag(
        "helm-chart",
        layout.manifest(
            layout.json(about, "application/vnd.cncf.helm.config.v1+json"),
            [layout.blob(gzipped(archive), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
        ),
    )


def add_build_cache(layout, shared):
    """What buildkit exports as cache: an image manifest, and in the older form an index whose children are blobs."""
    records = {"layers": [{"blob": descriptor["digest"]} for descriptor, _ in shared[1:]], "records": []}
    config = layout.json(records, "application/vnd.buildkit.cacheconfig.v0")
    layers = [descriptor for descriptor, _ in shared[1:]]
    layout.tag("cache", layout.manifest(config, layers))
    layout.tag("cache-index", layout.index(layers + [config]))


def add_extremes(layout, big_mib):
    """An image of 120 layers, and one with a single large layer that does not compress."""
    app = layout.layer(app_archive(RELEASES[-1]))
    tiny = [layout.layer(tar({f"parts/{i:03d}": str(i).encode() * 200})) for i in range(119)]
    layout.tag("many-layers", layout.image([app] + tiny))
    if big_mib:
        big = tar({"big.bin": incompressible("big", big_mib << 20)})
        layout.tag("big", layout.image([layout.layer(big, TAR)], labels={"form": "big"}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", help="directory of the layout")
    parser.add_argument("--big-mib", type=int, default=64, help="size of the large layer in MiB; 0 leaves it out")
    options = parser.parse_args()
    layout = Layout(options.out)
    release, shared = add_releases(layout)
    multi = add_indexes(layout, release, shared)
    add_artifacts(layout, release, multi)
    add_build_cache(layout, shared)
    add_extremes(layout, options.big_mib)
    layout.finish()
    sizes = [entry.stat().st_size for entry in os.scandir(f"{options.out}/blobs/sha256")]
    print(f"{len(layout.tags)} tags, {len(sizes)} blobs, {sum(sizes) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
