"""CPU and memory of a process tree, and the two load generators: wrk and driver.c."""

import contextlib
import json
import os
import resource
import subprocess
import time

LUA_REPORT = """
done = function(summary, latency, requests)
  io.stderr:write(string.format(
    '{"requests": %d, "seconds": %.6f, "failed": %d, "broken": %d, "timeouts": %d, "p99_ms": %.3f}',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write, summary.errors.timeout,
    latency:percentile(99) / 1000))
end
"""


# A number of 12 digits behind `bench:`, in base64.
LUA_FLOOD = """
local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
local function base64(text)
  return (text:gsub('...', function(three)
    local a, b, c = three:byte(1, 3)
    local number = a * 65536 + b * 256 + c
    local out = ''
    for shift = 18, 0, -6 do
      local index = math.floor(number / 2 ^ shift) % 64 + 1
      out = out .. alphabet:sub(index, index)
    end
    return out
  end))
end
local count = 0
request = function()
  count = count + 1
  local login = string.format('bench:%012d', count)
  return wrk.format(nil, nil, {Authorization = 'Basic ' .. base64(login)})
end
"""


class BenchmarkError(Exception):
    """Something that makes a measurement worthless; its text is for the person who runs the benchmark."""


def tree(pid):
    """The process and its descendants."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
            parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def cpu_seconds(pids):
    """User and system time. The process CPU clock is /proc/PID/stat's utime + stime without its 10 ms steps."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def memory_kib(pids, field="VmRSS"):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith(field + ":"))
    return total


def reset_peak(pids):
    """Makes VmHWM start again from the present size."""
    for pid in pids:
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")


def written_bytes(pids):
    """What the processes made the kernel write to storage; a tmpfs counts nothing."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/io") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("write_bytes:"))
    return total


def _children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Load:
    """Runs the load generators against servers and returns what they and the server's CPU clock say."""

    def __init__(self, directory):
        self.directory = directory
        self.driver_path = os.path.join(directory, "driver")
        self.lua_path = os.path.join(directory, "report.lua")
        self.seed = 0
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "driver.c")
        subprocess.run(["gcc", "-O2", "-pthread", "-o", self.driver_path, source, "-lssl", "-lcrypto"], check=True)
        with open(self.lua_path, "w") as file:
            file.write(LUA_REPORT)

    def requests(self, server, request, connections, seconds):
        """Keep-alive requests, one in flight on each connection."""
        reset_peak(server.pids)
        own, before = _children_cpu(), cpu_seconds(server.pids)
        if request.method == "HEAD":
            result = self._driver("head", server.port, request.path, "-c", connections, "-t", seconds)
        else:
            result = self._wrk(server, request, connections, seconds)
        cpu, own = cpu_seconds(server.pids) - before, _children_cpu() - own
        answers = result["requests"]
        unexpected = abs(result["failed"] - (answers if request.status == 404 else 0))
        if answers == 0 or unexpected > 0 or result.get("broken"):
            raise BenchmarkError(f"{server.name}, {request.name}: {result}")
        return {"per_second": answers / result["seconds"], "cpu_us": cpu / answers * 1e6, "p99_ms": result["p99_ms"],
                "client_load": own / result["seconds"], "timeouts": result.get("timeouts", 0),
                "peak_mib": memory_kib(server.pids, "VmHWM") / 1024}

    def rotating(self, server, paths, connections, seconds, headers):
        """As `requests`, for GETs of many paths in turn that all answer 200."""
        script = os.path.join(self.directory, "rotating.lua")
        with open(script, "w") as file:
            file.write("local paths = {" + ",".join(json.dumps(path) for path in paths) + "}\nlocal next = 0\n"
                       "request = function() next = next % #paths + 1 return wrk.format(nil, paths[next]) end\n"
                       + LUA_REPORT)
        before = cpu_seconds(server.pids)
        result = self._wrk_url(f"http://127.0.0.1:{server.port}/", script, headers, connections, seconds)
        answers = result["requests"]
        if answers == 0 or result["failed"] or result["broken"]:
            raise BenchmarkError(f"{server.name}, {paths[0]} and others: {result}")
        return {"per_second": answers / result["seconds"], "p99_ms": result["p99_ms"],
                "cpu_us": (cpu_seconds(server.pids) - before) / answers * 1e6}

    def handshakes(self, server, connections, seconds, resumed):
        """New TLS connections with one request each."""
        before = cpu_seconds(server.pids)
        options = ["-c", connections, "-t", seconds, *(["-r"] if resumed else [])]
        result = self._driver("handshakes", server.port, "/v2/", *options)
        return {"per_second": result["handshakes"] / result["seconds"],
                "cpu_us": (cpu_seconds(server.pids) - before) / result["handshakes"] * 1e6}

    @contextlib.contextmanager
    def flood(self, server, connections, seconds):
        """Logins on as many connections, each with a wrong password of its own."""
        script = os.path.join(self.directory, "flood.lua")
        with open(script, "w") as file:
            file.write(LUA_FLOOD)
        process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "10s", "-s", script,
             f"http://127.0.0.1:{server.port}/v2/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def _wrk(self, server, request, connections, seconds):
        url = f"{'https' if server.is_tls else 'http'}://127.0.0.1:{server.port}{request.path}"
        return self._wrk_url(url, self.lua_path, request.headers, connections, seconds)

    @staticmethod
    def _wrk_url(url, script, headers, connections, seconds):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "10s", "-s", script]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        done = subprocess.run(command + [url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            return json.loads(done.stderr)
        except ValueError:
            raise BenchmarkError(f"wrk {url}: {done.stderr}") from None

    def transfers(self, server, mode, target, connections, count, mebibytes=1):
        """Whole blobs, each push with content of its own. The server's CPU counts from the first byte sent."""
        self.seed += connections * count
        reset_peak(server.pids)
        options = ["-c", connections, "-n", count, "-m", mebibytes, "-s", self.seed, *(["-T"] if server.is_tls else [])]
        with self.started(server, mode, target, *options) as load:
            result = load.finish()
        return {"megabytes_per_second": result["bytes"] / result["seconds"] / 1e6,
                "cpu_per_gigabyte": result["cpu"] / result["bytes"] * 1e9,
                "latency_s": max(result["latencies"]), "digest": result["digest"],
                "written_per_byte": result["written"] / result["bytes"],
                "peak_mib": memory_kib(server.pids, "VmHWM") / 1024}

    def started(self, server, mode, target, *options):
        """A driver that is sending already."""
        return _RunningDriver(self._command(mode, server.port, target, *options), server)

    def _command(self, mode, port, target, *options):
        return [self.driver_path, mode, "-p", str(port), *map(str, options), target]

    def _driver(self, mode, port, target, *options):
        done = subprocess.run(self._command(mode, port, target, *options), capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchmarkError(done.stderr.strip())
        return json.loads(done.stdout.splitlines()[-1])


class _RunningDriver:
    def __init__(self, command, server):
        self.server = server
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise BenchmarkError(f"{server.name}: {self.process.communicate()[1].strip()}")
        self.cpu, self.written = cpu_seconds(server.pids), written_bytes(server.pids)
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def finish(self):
        output, errors = self.process.communicate()
        if self.process.returncode != 0:
            raise BenchmarkError(f"{self.server.name}: {errors.strip()}")
        pids = self.server.pids
        return json.loads(output) | {
            "cpu": cpu_seconds(pids) - self.cpu, "written": written_bytes(pids) - self.written}
