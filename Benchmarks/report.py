"""Medians over the rounds, ratios within each round, and the Markdown tables made of them."""

import statistics

SERVERS = ("stowage", "docker-registry", "nginx")


class Results:
    """Every measurement: part, case, server, round and its numbers."""

    def __init__(self):
        self.samples = []

    def add(self, part, case, server, round_number, numbers):
        self.samples.append({"part": part, "case": case, "server": server, "round": round_number, **numbers})

    def cases(self, part):
        return list(dict.fromkeys(sample["case"] for sample in self.samples if sample["part"] == part))

    def values(self, part, case, server, metric):
        return {sample["round"]: sample[metric] for sample in self.samples
                if (sample["part"], sample["case"], sample["server"]) == (part, case, server) and metric in sample}

    def median(self, part, case, server, metric):
        values = self.values(part, case, server, metric).values()
        return statistics.median(values) if values else None

    def ratio(self, part, case, metric, over, server="stowage"):
        """Median of the ratios of each round, which the noise between rounds does not reach."""
        upper, lower = self.values(part, case, server, metric), self.values(part, case, over, metric)
        ratios = [upper[key] / lower[key] for key in upper.keys() & lower.keys() if lower[key]]
        return statistics.median(ratios) if ratios else None


def number(value, aim=None):
    """Three significant digits; bold where the aim, (least, most), is missed."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    least, most = aim or (None, None)
    missed = (least is not None and value < least) or (most is not None and value > most)
    return f"**{text}**" if missed else text


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _small(results):
    rows = []
    for case in results.cases("small"):
        def median(server, metric):
            return results.median("small", case, server, metric)
        busy = median("stowage", "client_load") or 0
        rows.append([
            case[0], str(case[1]),
            *(number(median(server, "per_second")) for server in SERVERS),
            number(results.ratio("small", case, "per_second", "docker-registry"), (20, None))
            + ("†" if busy > 0.9 else ""),
            *(number(median(server, "cpu_us")) for server in SERVERS),
            number(results.ratio("small", case, "cpu_us", "docker-registry"), (None, 0.05)),
            *(number(median(server, "p99_ms")) for server in ("stowage", "docker-registry"))])
    return "## Small requests\n\n" + table(
        ["request", "connections", "req/s: stowage", "docker-registry", "nginx", "stowage / docker-registry (≥ 20)",
         "CPU µs/req: stowage", "docker-registry", "nginx", "stowage / docker-registry (≤ 0.05)",
         "p99 ms: stowage", "docker-registry"], rows) + "\n† the load generator was busy for over 90 % of the time " \
        "during stowage's turn, so the server's limit is higher: compare the CPU.\n" + _hello(results)


def _hello(results):
    rows = []
    for case in results.cases("small"):
        if results.values("small", case, "hello", "cpu_us"):
            rows.append([str(case[1]), number(results.median("small", case, "hello", "per_second")),
                         number(results.ratio("small", case, "per_second", "hello"), (1 / 1.3, None)),
                         number(results.median("small", case, "hello", "cpu_us")),
                         number(results.ratio("small", case, "cpu_us", "hello"), (None, 1.3))])
    return "\n`/v2/` against a bare hello on the same loop:\n\n" + table(
        ["connections", "hello req/s", "stowage / hello (≥ 0.77)", "hello CPU µs/req", "stowage / hello (≤ 1.3)"],
        rows) if rows else ""


def _pull(results):
    rows = []
    for case in results.cases("pull"):
        rows.append([str(case)] + [cell for metric, aim in (
            ("megabytes_per_second", (0.95, None)), ("cpu_per_gigabyte", (None, 1.1)))
            for cell in (*(number(results.median("pull", case, server, metric)) for server in SERVERS),
                         number(results.ratio("pull", case, metric, "nginx"), aim))])
    return "## Pull of a 256 MiB blob\n\n" + table(
        ["connections", "MB/s: stowage", "docker-registry", "nginx", "stowage / nginx (≥ 0.95)",
         "CPU s/GB: stowage", "docker-registry", "nginx", "stowage / nginx (≤ 1.1)"], rows)


def _push(results):
    rows = []
    names = {"post-put": "POST + PUT", "post-patch": "POST + PATCH + PUT"}
    for case in results.cases("push"):
        rows.append([f"{names[case[0]]}, {case[1]}"] + [cell for metric, aim in (
            ("megabytes_per_second", (1.5, None)), ("cpu_per_gigabyte", (None, 0.6)))
            for cell in (*(number(results.median("push", case, server, metric)) for server in (*SERVERS, "write")),
                         number(results.ratio("push", case, metric, "docker-registry"), aim))]
            + [number(results.median("push", case, "stowage", "written_per_byte") or None)])
    return "## Push of a 256 MiB blob\n\n" + table(
        ["push", "MB/s: stowage", "docker-registry", "nginx", "write + fsync", "stowage / docker-registry (≥ 1.5)",
         "CPU s/GB: stowage", "docker-registry", "nginx", "write + fsync", "stowage / docker-registry (≤ 0.6)",
         "stowage: bytes written / byte"], rows)


def _mixed(results):
    rows = []
    for case in results.cases("mixed"):
        for server, aim in (("stowage", (None, 60)), ("docker-registry", None)):
            rows.append([f"{server}, {case}", number(results.median("mixed", case, server, "p99_ms"), aim),
                         *(number(results.median("mixed", case, server, metric))
                           for metric in ("per_second", "megabytes_per_second"))])
    return "## Small requests during two pushes of 1 GiB\n\n" + table(
        ["server", "p99 ms (stowage ≤ 60)", "req/s", "pushed MB/s"], rows)


def _process(results):
    push = results.cases("push")
    lines = [
        ("start to first answer, ms (≤ 50)", "start", "start", "ms", (None, 50)),
        ("resident when idle, MiB (≤ 32)", "memory", "fresh", "idle_mib", (None, 32)),
        ("each idle connection, KiB (≤ 16)", "memory", "fresh", "connection_kib", (None, 16)),
        ("peak, 512 connections of small requests, MiB", "small", ("manifest by tag", 512), "peak_mib", None),
        ("peak, 4 pulls, MiB", "pull", 4, "peak_mib", None),
        *((f"peak, push ({case[0]}, {case[1]}), MiB", "push", case, "peak_mib", None) for case in push),
        ("resident after the run, MiB", "memory", "after", "mib", None),
    ]
    rows = [[name, number(results.median(part, case, "stowage", metric), aim),
             number(results.median(part, case, "docker-registry", metric))]
            for name, part, case, metric, aim in lines]
    measured = [row for row in rows if row[1] != "–"]
    return "## Memory and start\n\n" + table(["", "stowage", "docker-registry"], measured)


S3_SERVERS = ("stowage", "docker-registry", "bucket")
_PUSHES = {"post-put": "POST + PUT", "post-patch": "POST + PATCH + PUT"}


def _s3_push(results):
    rows = []
    for case in results.cases("s3-push"):
        aims = {"post-put": (4, 0.85), "post-patch": (3, 0.6)}[case[0]]
        rows.append([f"{_PUSHES[case[0]]}, {case[1]} MiB",
                     *(number(results.median("s3-push", case, server, "megabytes_per_second")) for server in S3_SERVERS),
                     number(results.ratio("s3-push", case, "megabytes_per_second", "docker-registry"), (aims[0], None)),
                     number(results.ratio("s3-push", case, "megabytes_per_second", "bucket"), (aims[1], None)),
                     *(number(results.median("s3-push", case, server, "cpu_per_gigabyte")) for server in S3_SERVERS),
                     number(results.median("s3-push", case, "stowage", "peak_mib"))])
    return "## Push into the bucket\n\n" + table(
        ["push", "MB/s: stowage", "docker-registry", "bucket itself", "stowage / docker-registry (≥ 4, late ≥ 3)",
         "stowage / bucket (≥ 0.85, late ≥ 0.6)", "CPU s/GB: stowage", "docker-registry", "bucket itself",
         "stowage: peak MiB"], rows)


def _s3_rates(results):
    rows = []
    for part, what, aim in (("s3-blobs", "blobs of {}, 4 clients", 8), ("s3-manifests", "PUT of manifests, {} clients", 6)):
        for case in results.cases(part):
            rows.append([what.format(case),
                         *(number(results.median(part, case, server, "per_second")) for server in S3_SERVERS),
                         number(results.ratio(part, case, "per_second", "docker-registry"), (aim, None)),
                         number(results.ratio(part, case, "per_second", "bucket"))])
    for case in results.cases("s3-tags"):
        rows.append([f"GET manifest, {case}, 64 connections",
                     *(number(results.median("s3-tags", case, server, "per_second")) for server in S3_SERVERS),
                     number(results.ratio("s3-tags", case, "per_second", "docker-registry"), (8, None)),
                     number(results.ratio("s3-tags", case, "per_second", "bucket"), (0.8, None))])
    return "## Small things in the bucket\n\n" + table(
        ["what", "per second: stowage", "docker-registry", "bucket itself",
         "stowage / docker-registry (blobs ≥ 8, PUT ≥ 6, GET ≥ 8)", "stowage / bucket (GET ≥ 0.8)"], rows)


def _s3_pull(results):
    rows = []
    for case in results.cases("s3-pull"):
        def median(server):
            return number(results.median("s3-pull", case, server, "megabytes_per_second"))
        ratio = "s3-pull", case, "megabytes_per_second"
        rows.append([str(case), *map(median, S3_SERVERS),
                     number(results.ratio(*ratio, "docker-registry"), (1.2, None)),
                     number(results.ratio(*ratio, "bucket"), (0.8, None)),
                     median("stowage, disk cache"), median("nginx"),
                     number(results.ratio(*ratio, "nginx", "stowage, disk cache"), (0.95, None))])
    return "## Pull of a 256 MiB blob out of the bucket, proxied\n\n" + table(
        ["connections", "MB/s: stowage", "docker-registry", "bucket itself", "stowage / docker-registry (≥ 1.2)",
         "stowage / bucket (≥ 0.8)", "disk cache", "nginx", "disk cache / nginx (≥ 0.95)"], rows)


def _s3_requests(results):
    samples = {(sample["case"], sample["server"]): sample for sample in results.samples
               if sample["part"] == "s3-requests"}

    def cell(case, server):
        sample = samples.get((case, server))
        if sample is None:
            return "–"
        counts = ", ".join(f"{count} {name}" for name, count in sorted(sample["counts"].items()))
        return f"{sample['total']} ({counts})" if counts else "0"

    rows = [[case, cell(case, "stowage"), cell(case, "docker-registry")] for case in results.cases("s3-requests")]
    return "## S3 requests for what a client does\n\n" + table(["client", "stowage", "docker-registry"], rows)


def _s3_memory(results):
    rows = [[_PUSHES[case], number(results.median("s3-memory", case, "stowage", "peak_mib"), (None, 256))]
            for case in results.cases("s3-memory")]
    return "## Memory during 50 parallel pushes of 1 GiB\n\n" + table(["push", "stowage: peak MiB (≤ 256)"], rows)


def _tls_small(results):
    rows = []
    for case in results.cases("tls-small"):
        servers = ("stowage", "stowage, TLS", "docker-registry, TLS", "nginx, TLS")
        ratio = "tls-small", case, "per_second"
        rows.append([case, *(number(results.median(*ratio[:2], server, "per_second")) for server in servers),
                     number(results.ratio(*ratio, "stowage", "stowage, TLS"), (0.6, None)),
                     number(results.ratio(*ratio, "docker-registry, TLS", "stowage, TLS"), (10, None)),
                     *(number(results.median(*ratio[:2], server, "cpu_us")) for server in servers)])
    return "## Small requests over TLS, 64 connections\n\n" + table(
        ["request", "req/s: stowage, plain", "stowage", "docker-registry", "nginx", "TLS / plain (≥ 0.6)",
         "stowage / docker-registry (≥ 10)", "CPU µs/req: stowage, plain", "stowage", "docker-registry", "nginx"], rows)


def _tls_handshakes(results):
    rows = []
    for case in results.cases("tls-handshakes"):
        ratio = "tls-handshakes", case, "per_second"
        rows.append([case, *(number(results.median(*ratio[:2], server, "per_second"))
                             for server in ("stowage, TLS", "nginx, TLS")),
                     number(results.ratio(*ratio, "nginx, TLS", "stowage, TLS"), (0.7, None)),
                     *(number(results.median(*ratio[:2], server, "cpu_us")) for server in ("stowage, TLS", "nginx, TLS"))])
    return "## TLS handshakes, with one request each, 4 clients\n\n" + table(
        ["session", "per second: stowage", "nginx", "stowage / nginx (≥ 0.7)", "CPU µs: stowage", "nginx"], rows)


def _tls_pull(results):
    rows = []
    servers = ("stowage, TLS", "docker-registry, TLS", "nginx, TLS")
    for case in results.cases("tls-pull"):
        rows.append([str(case),
                     *(number(results.median("tls-pull", case, server, "megabytes_per_second")) for server in servers),
                     number(results.ratio("tls-pull", case, "megabytes_per_second", "nginx, TLS", "stowage, TLS"),
                            (0.9, None)),
                     *(number(results.median("tls-pull", case, server, "cpu_per_gigabyte")) for server in servers)])
    return "## Pull of a 256 MiB blob over TLS\n\n" + table(
        ["connections", "MB/s: stowage", "docker-registry", "nginx", "stowage / nginx (≥ 0.9)",
         "CPU s/GB: stowage", "docker-registry", "nginx"], rows)


def _tls_push(results):
    rows = []
    servers = ("stowage, TLS", "docker-registry, TLS")
    for case in results.cases("tls-push"):
        rows.append([_PUSHES[case],
                     *(number(results.median("tls-push", case, server, "megabytes_per_second")) for server in servers),
                     number(results.ratio("tls-push", case, "megabytes_per_second", *reversed(servers)), (1.3, None)),
                     *(number(results.median("tls-push", case, server, "cpu_per_gigabyte")) for server in servers)])
    return "## Push of a 256 MiB blob over TLS\n\n" + table(
        ["push", "MB/s: stowage", "docker-registry", "stowage / docker-registry (≥ 1.3)",
         "CPU s/GB: stowage", "docker-registry"], rows)


def _auth(results):
    rows = []
    for case in results.cases("auth"):
        rows.append([case, *(number(results.median("auth", case, login, "per_second"))
                             for login in ("anonymous", "bearer", "basic")),
                     number(results.ratio("auth", case, "per_second", "anonymous", "bearer"), (0.8, None)),
                     number(results.ratio("auth", case, "per_second", "anonymous", "basic"), (0.7, None))])
    return "## Small requests with logins, 64 connections\n\n" + table(
        ["request", "req/s: anonymous", "token", "password", "token / anonymous (≥ 0.8)",
         "password / anonymous (≥ 0.7)"], rows)


def _auth_flood(results):
    rows = [[{"alone": "nothing else", "flood": "200 connections that try passwords"}[case],
             number(results.median("auth-flood", case, "stowage, logins", "p99_ms"), (None, 100)),
             number(results.median("auth-flood", case, "stowage, logins", "per_second"))]
            for case in results.cases("auth-flood")]
    return "## Pulls of a manifest with a token during a flood of logins\n\n" + table(
        ["besides", "p99 ms (≤ 100)", "req/s"], rows)


def markdown(results, machine):
    """The whole report; `machine` is a list of lines on where and what was measured."""
    sections = {"small": _small, "pull": _pull, "push": _push, "mixed": _mixed, "s3-push": _s3_push,
                "s3-blobs": _s3_rates, "s3-pull": _s3_pull, "s3-requests": _s3_requests, "s3-memory": _s3_memory,
                "tls-small": _tls_small, "tls-handshakes": _tls_handshakes, "tls-pull": _tls_pull,
                "tls-push": _tls_push, "auth": _auth, "auth-flood": _auth_flood}
    parts = [section(results) for part, section in sections.items() if results.cases(part)]
    if results.cases("start") or results.cases("memory"):
        parts.append(_process(results))
    return "# Benchmark\n\n" + "".join(f"- {line}\n" for line in machine) + "\nMedians of the rounds; a ratio is the " \
        "median of the rounds' ratios. The aim is in brackets, **bold** misses it.\n\n" + "\n".join(parts)
