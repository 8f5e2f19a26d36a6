"""Runs an S3 server for as long as its user lives: what ceph.py, seaweed.py and rclone.py have in common.

A server is one or more programs on the loopback address, in a directory of their own, with one user and one bucket.
When it answers, a line `ready http://127.0.0.1:PORT` is printed. Then commands are read from standard input, one a
line, and each is answered by the line `ok` or `failed: REASON`:

    bucket NAME    makes another bucket
    kill           ends the program that answers S3 requests as a crash would
    start          starts it again, on the same port, and waits until it answers

The end of standard input, SIGTERM and SIGINT end the programs and remove the directory; they also end when this
process is killed.
"""
import argparse
import datetime
import hashlib
import hmac
import http.client
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ACCESS_KEY = "testaccess"
SECRET_KEY = "testsecret12345678"
REGION = "us-east-1"
BUCKET = "test"
# Seconds until a start has failed; a loaded machine takes its time.
START_LIMIT = 60


class Failed(Exception):
    """What cannot go on, in a sentence."""


def program(name):
    """The path of a program that install.sh put into its virtual environment."""
    default = os.path.join(os.path.dirname(__file__), "../../../.build/s3-venv")
    path = os.path.join(os.environ.get("STOWAGE_S3_VENV", default), "bin", name)
    path = os.path.abspath(path)
    if not os.access(path, os.X_OK):
        raise Failed(f"there is no {path}: run Tests/Tools/s3/install.sh")
    return path


def is_free(port):
    with socket.socket() as probe:
        # As servers bind: connections that just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count):
    """The first of `count` ports in a row, below those the kernel gives to outgoing connections."""
    for _ in range(1000):
        first = random.randrange(20000, 32000 - count)
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise Failed(f"no {count} free ports in a row")


def signed_request(port, method, path, body=b""):
    """Sends a request with a Signature Version 4 and returns the answer's status."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    payload = hashlib.sha256(body).hexdigest()
    fields = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": payload, "x-amz-date": stamp}
    names = ";".join(fields)
    lines = [f"{name}:{value}" for name, value in fields.items()]
    canonical = "\n".join([method, path, "", *lines, "", names, payload])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET_KEY).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {**fields, "Authorization": credential})
        return connection.getresponse().status
    finally:
        connection.close()


class Server:
    """An S3 server; a subclass says how it starts."""

    def __init__(self, options):
        self.options = options
        self.programs = {}
        self.port = 0
        self.directory = ""

    @classmethod
    def add_options(cls, parser):
        """Options of this kind of server."""

    def prepare(self):
        """Chooses ports and starts all programs but the one that answers S3 requests."""
        raise NotImplementedError

    def start_gateway(self):
        """Starts the program that answers S3 requests, as `gateway`."""
        raise NotImplementedError

    # What subclasses use

    def file(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.file(name), "w") as file:
            file.write(text)
        return self.file(name)

    def start(self, name, command, **environment):
        """Starts a program that ends with this process; what it prints goes into the file NAME.out."""
        with open(self.file(name + ".out"), "ab") as log:
            self.programs[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                cwd=self.directory, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def run(self, command, **environment):
        """Runs a command to its end."""
        done = subprocess.run(
            command, cwd=self.directory, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_LIMIT,
        )
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}: {done.stdout[-2000:]}")

    def check_programs(self):
        """Fails when a program ended that should run."""
        for name, program in self.programs.items():
            if program.poll() is not None:
                with open(self.file(name + ".out"), errors="replace") as log:
                    raise Failed(f"{name} ended with {program.returncode}: {log.read()[-2000:]}")

    # Life

    def bring_up(self):
        self.prepare()
        self.start_gateway()
        self.make_bucket(BUCKET)
        self.await_status("PUT", f"/{BUCKET}/.stowage-test", b"ready")
        self.await_status("DELETE", f"/{BUCKET}/.stowage-test", wanted=(200, 204))

    def make_bucket(self, name):
        self.await_status("PUT", "/" + name)

    def await_status(self, method, path, body=b"", wanted=(200,)):
        """Repeats a request until it succeeds."""
        end = time.monotonic() + START_LIMIT
        while True:
            try:
                seen = signed_request(self.port, method, path, body)
                if seen in wanted:
                    return
            except (OSError, http.client.HTTPException) as error:
                seen = error
            self.check_programs()
            if time.monotonic() > end:
                raise Failed(f"{method} {path}: no success in {START_LIMIT} s, the last answer: {seen}")
            time.sleep(0.01)

    def end(self, names=None):
        """Kills programs, and waits until they are gone."""
        for name in list(names or self.programs):
            program = self.programs.pop(name, None)
            if program:
                program.kill()
                program.wait()

    def obey(self, line):
        match line.split():
            case ["bucket", name]:
                self.make_bucket(name)
            case ["kill"]:
                self.end(["gateway"])
            case ["start"]:
                self.start_gateway()
                self.await_status("HEAD", "/" + BUCKET)
            case _:
                raise Failed(f"no such command: {line}")


def say(line):
    print(line, flush=True)


def read_commands():
    """A queue of the lines of standard input, whose end ends this process, whatever it does then."""
    lines = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            lines.put(line)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, daemon=True).start()
    return lines


def serve(server, commands):
    """Obeys commands for ever."""
    say(f"ready http://127.0.0.1:{server.port}")
    while True:
        try:
            server.obey(commands.get())
            say("ok")
        except Failed as error:
            say(f"failed: {' '.join(str(error).split())}")


def bring_up(kind, options):
    """A server that answers; another one tries other ports when somebody takes the first ones meanwhile."""
    for attempt in range(3):
        server = kind(options)
        server.directory = tempfile.mkdtemp(prefix="s3-", dir=options.directory)
        try:
            server.bring_up()
            return server
        except BaseException as error:
            server.end()
            shutil.rmtree(server.directory, ignore_errors=True)
            if not isinstance(error, Failed) or attempt == 2 or options.port:
                raise
            print(f"starting anew: {error}", file=sys.stderr)


def main(kind, description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, help="port of the S3 interface; default: a free one")
    parser.add_argument("--directory", help="where its own directory is made; default: that for temporary files")
    parser.add_argument("--until-killed", action="store_true", help="do not read commands, run until SIGTERM or SIGINT")
    kind.add_options(parser)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    commands = queue.SimpleQueue() if options.until_killed else read_commands()
    server = None
    try:
        server = bring_up(kind, options)
        serve(server, commands)
    except Failed as error:
        sys.exit(str(error))
    finally:
        if server:
            server.end()
            shutil.rmtree(server.directory, ignore_errors=True)
