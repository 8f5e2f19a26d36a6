"""The servers that are compared, each with its storage in a directory of its own."""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

import bucket
from measure import BenchmarkError, tree

STOWAGE, DOCKER_REGISTRY, NGINX, HELLO = "stowage", "docker-registry", "nginx", "hello"
CACHED = "stowage, disk cache"

REGISTRY_CONFIGURATION = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {directory}/data}}
  cache: {{blobdescriptor: inmemory}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: benchmark, relativeurls: true{tls}}}
health: {{storagedriver: {{enabled: false}}}}
"""

S3_STORAGE = """  s3:
    accesskey: {access}
    secretkey: {secret}
    region: {region}
    regionendpoint: http://127.0.0.1:{s3_port}
    bucket: {bucket}
    secure: false
    rootdirectory: /{prefix}
  redirect: {{disable: true}}
"""

NGINX_CONFIGURATION = """
{user}
daemon off;
pid {directory}/pid;
error_log /dev/null crit;
worker_processes {cores};
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    open_file_cache max=1000;
    open_file_cache_errors on;
    client_max_body_size 0;
    client_body_buffer_size 512k;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
{tls}
        root {directory}/data;
        location = /v2/ {{ return 200 "{{}}"; }}
        location / {{ dav_methods PUT; create_full_put_path on; }}
    }}
}}
"""


NGINX_TLS = """
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate.path};
        ssl_certificate_key {certificate.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:16m;
"""

ACCESS = """
access:
  htpasswd:
    file: {directory}/htpasswd
  tokens:
    lifetime: 1h
  rules:
    - who: [everybody]
      allow: [pull, push, overwrite]
      repositories: ["{repositories}"]
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Certificate:
    """A self-signed certificate for 127.0.0.1 with an ECDSA key, shown by all servers."""

    def __init__(self, directory):
        self.path, self.key = os.path.join(directory, "certificate.pem"), os.path.join(directory, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-out", self.path, "-keyout", self.key], check=True, capture_output=True)


@dataclass
class Secure:
    """A server as its TLS listener shows it."""

    server: object
    port: int
    is_tls = True

    @property
    def name(self):
        return f"{self.server.name}, TLS"

    @property
    def pids(self):
        return self.server.pids


class Server:
    """A server process on a free port of 127.0.0.1. Its output goes nowhere, so that no server pays for logs."""

    is_registry = True
    is_tls = False
    environment = {}
    ready_status = 200
    """What GET /v2/ is answered with."""

    def __init__(self, name, directory):
        self.name, self.directory = name, os.path.join(directory, name)
        os.makedirs(os.path.join(self.directory, "data"))
        self.port = free_port()
        self.process = None

    @property
    def pids(self):
        """The process and its descendants; nginx may still be starting workers when it answers first."""
        return tree(self.process.pid)

    def start(self):
        """Starts the program and returns the seconds until GET /v2/ was answered as it should."""
        command = self.command()
        begin = time.monotonic()
        self.process = subprocess.Popen(
            command, env=os.environ | self.environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > begin + 10:
                raise BenchmarkError(f"{self.name} does not start: {' '.join(command)}\n{self._complaint(command)}")
            time.sleep(0.0002)
        return time.monotonic() - begin

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self):
        try:
            with self._connect() as connection:
                connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: b\r\n\r\n")
                return connection.recv(4096).startswith(b"HTTP/1.1 %d" % self.ready_status)
        except OSError:
            return False

    def _connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def _complaint(self, command):
        self.stop()
        try:
            return subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True,
                                  timeout=2).stderr
        except subprocess.TimeoutExpired:
            return "it runs, but does not answer GET /v2/ as it should"

    def _write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path


class Stowage(Server):
    environment = {"STOWAGE_LOG_ACCESS": "false"}

    def __init__(self, directory, binary, name=STOWAGE):
        super().__init__(name, directory)
        self.binary = binary

    def command(self):
        return [self.binary, "serve", "--storage", os.path.join(self.directory, "data"),
                "--listen", f"127.0.0.1:{self.port}", "--log-level", "error"]


class StowageTLS(Stowage):
    """With a second listener, for TLS."""

    def __init__(self, directory, binary, certificate):
        super().__init__(directory, binary)
        self.certificate, self.secure = certificate, Secure(self, free_port())

    def command(self):
        return [*super().command(), "--tls-listen", f"127.0.0.1:{self.secure.port}",
                "--tls-certificate", self.certificate.path, "--tls-key", self.certificate.key]


class StowageAccess(Stowage):
    """With a user `bench`, and rules that let everybody pull and push in `repositories`."""

    ready_status = 401
    USER, PASSWORD = "bench", "a password"
    # Made by `htpasswd -B -C 10` of the password above.
    HASH = "$2b$10$tNtAEWH7mKm/SRCv105O8es3M3rUnr4axpja7i3RZGB265xCIafdO"

    def __init__(self, directory, binary, name, repositories):
        super().__init__(directory, binary, name)
        self._write("htpasswd", f"{self.USER}:{self.HASH}\n")
        self.configuration = self._write(
            "stowage.yaml", ACCESS.format(directory=self.directory, repositories=repositories))

    def command(self):
        return [*super().command(), "--config", self.configuration]

    @property
    def basic(self):
        return "Basic " + base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()

    def token(self, repository):
        """The field of a request with a token for pulls from `repository`."""
        query = urllib.parse.urlencode({"service": "stowage", "scope": f"repository:{repository}:pull"})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/token?{query}", headers={"Authorization": self.basic})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return "Bearer " + json.load(answer)["token"]


class DockerRegistry(Server):
    """Its quietest log level is `error`, at which it still formats a line for every 404."""

    def __init__(self, directory):
        super().__init__(DOCKER_REGISTRY, directory)

    def command(self):
        text = REGISTRY_CONFIGURATION.format(directory=self.directory, port=self.port, tls="")
        return ["docker-registry", "serve", self._write("config.yml", text)]


class DockerRegistryTLS(DockerRegistry):
    """On TLS only: it has one listener. Begins with what `image.push` stored while it spoke plain HTTP."""

    def __init__(self, directory, certificate):
        super().__init__(directory)
        self.certificate = certificate

    @property
    def secure(self):
        return Secure(self, self.port)

    def become_secure(self):
        """Starts again, with TLS."""
        self.stop()
        self.is_tls = True
        self.start()

    def command(self):
        tls = f', tls: {{certificate: "{self.certificate.path}", key: "{self.certificate.key}"}}' if self.is_tls else ""
        text = REGISTRY_CONFIGURATION.format(directory=self.directory, port=self.port, tls=tls)
        return ["docker-registry", "serve", self._write("config.yml", text)]

    def _connect(self):
        connection = super()._connect()
        if not self.is_tls:
            return connection
        context = ssl.create_default_context(cafile=self.certificate.path)
        return context.wrap_socket(connection, server_hostname="localhost")


class StowageOnS3(Stowage):
    """With a bucket behind the S3 interface on `s3_port`, below `prefix`; `cache` is the size of its cache on disk."""

    def __init__(self, directory, s3_port, prefix, binary, name=STOWAGE, cache=None):
        super().__init__(directory, binary, name)
        self.s3_port, self.prefix = s3_port, prefix
        self.environment = self.environment | {
            "AWS_ACCESS_KEY_ID": bucket.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": bucket.SECRET_KEY}
        if cache:
            self.environment |= {"STOWAGE_PULL_CACHE_DIRECTORY": os.path.join(self.directory, "cache"),
                                 "STOWAGE_PULL_CACHE_SIZE": cache}

    def command(self):
        return [self.binary, "serve", "--storage", f"s3://{bucket.NAME}/{self.prefix}", "--s3-endpoint",
                f"http://127.0.0.1:{self.s3_port}", "--s3-region", bucket.REGION,
                "--listen", f"127.0.0.1:{self.port}", "--log-level", "error"]


class DockerRegistryOnS3(DockerRegistry):
    """The same bucket below another prefix; redirects off, so that both registries carry the bytes."""

    def __init__(self, directory, s3_port, prefix):
        super().__init__(directory)
        self.s3_port, self.prefix = s3_port, prefix

    def command(self):
        text = REGISTRY_CONFIGURATION.format(directory=self.directory, port=self.port, tls="")
        storage = S3_STORAGE.format(access=bucket.ACCESS_KEY, secret=bucket.SECRET_KEY, region=bucket.REGION,
                                    s3_port=self.s3_port, bucket=bucket.NAME, prefix=self.prefix)
        lines = [storage.rstrip() if line.strip().startswith("filesystem:") else line for line in text.splitlines()]
        # The registry's S3 client takes AWS_CA_BUNDLE for plain http too, and fails.
        return ["env", "-u", "AWS_CA_BUNDLE", "docker-registry", "serve",
                self._write("config.yml", "\n".join(lines) + "\n")]


class Nginx(Server):
    """The same bytes as static files, and PUT without a digest: the limit, not a registry."""

    is_registry = False

    def __init__(self, directory, certificate=None):
        super().__init__(NGINX, directory)
        self.certificate, self.secure = certificate, Secure(self, free_port()) if certificate else None

    def command(self):
        tls = NGINX_TLS.format(port=self.secure.port, certificate=self.certificate) if self.secure else ""
        text = NGINX_CONFIGURATION.format(
            directory=self.directory, port=self.port, tls=tls, cores=len(os.sched_getaffinity(0)),
            user="user root;" if os.geteuid() == 0 else "")
        return ["nginx", "-e", "/dev/null", "-p", self.directory, "-c", self._write("nginx.conf", text)]


class Hello(Server):
    """A program that answers every GET with a few bytes and prints its URL first; it chooses its port itself."""

    is_registry = False

    def __init__(self, directory, binary):
        super().__init__(HELLO, directory)
        self.binary = binary

    def start(self):
        self.process = subprocess.Popen([self.binary], start_new_session=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        spoke, _, _ = select.select([self.process.stdout], [], [], 10)
        url = self.process.stdout.readline().strip() if spoke else ""
        try:
            self.port = int(url.rstrip("/").rsplit(":", 1)[1])
        except (IndexError, ValueError):
            raise BenchmarkError(f"the hello program printed {url!r}, not its URL") from None


@contextlib.contextmanager
def running(servers):
    """Starts the servers; stops them and deletes their directories at the end, whatever happens."""
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()
            shutil.rmtree(server.directory, ignore_errors=True)
