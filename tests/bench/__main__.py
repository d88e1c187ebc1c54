"""`make bench`: the numbers of docs/benchmarks.md, measured on the machine at hand through the real addresses.

`python -m tests.bench [SECTION ...] [--write]`: all sections, or those named; with --write into docs/benchmarks.md,
where the others stay as they are.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import inspect
import json
import os
import platform
import secrets
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import psutil

from tests.bench import builds, images
from tests.bench.client import Load, measure, request_bytes
from tests.bench.machine import ROOT, Machine, csrf, until

HELLO = """from spin_sdk import http
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        return Response(200, {"content-type": "text/plain"}, b"hello NUMBER")
"""
Row = tuple[str, str, str]  # what, measured, aim


RUN = secrets.token_hex(3)  # in every source, so that no build is one that an earlier run left in the machine's cache


def text(mark: object) -> str:
    return HELLO.replace("NUMBER", f"{mark} of {RUN}")


def code(mark: object = 0) -> str:
    return base64.b64encode(text(mark).encode()).decode()


class Bench:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.workspace = machine.create("/api/workspaces", {"name": "Bench"})["id"]
        self.function = self.new_function("hello")
        self.page = f"/workspaces/{self.workspace}/functions/{self.function}"
        self.deployed = False

    def new_function(self, name: str, number: int = 0) -> str:
        content = {"name": name, "code": code(number), "httpMethods": ["GET", "POST"]}
        return str(self.machine.create(f"/api/workspaces/{self.workspace}/functions", content)["id"])

    def post(self, address: str, /, **fields: str) -> httpx.Response:
        return self.machine.browser.post(address, data=fields, headers=csrf(self.machine.browser))

    # sections

    def draft(self) -> Iterator[Row]:
        """Run a draft, from request to answer, as the editor does."""
        took = []
        for number in range(60):
            source = text(number)
            answer = self.post(f"/run/{self.workspace}/{self.function}/draft", code=source, method="GET", path="/")
            answer.raise_for_status()
            took.append(answer.elapsed.total_seconds() * 1e3)
        yield "draft run to answer, p50 / p95", f"{middle(took[5:])} / {high(took[5:])} ms", "≤ 50 ms p50"

    def deploy(self) -> Iterator[Row]:
        """From the press of Deploy until the new code answers, first instantly, then as a component."""
        instant, baked = [], []
        for number in range(1, 4):
            self.post(f"{self.page}/save", code=text(number), deploy="1")
            expected = f"hello {number} of {RUN}"
            instant.append(until("instant answer", partial(self.answers, expected), 120))
            baked.append(until("baked answer", lambda: self.live_mode() == "baked", 240, 0.1))
        self.deployed = True
        yield "deploy to first answer, instant", f"{middle(instant)} ms", "≤ 1 s"
        yield "deploy to the component's first answer", f"{middle(baked) / 1000:.1f} s", ""

    def answers(self, expected: str) -> bool:
        return self.machine.api.get(f"/fn/{self.workspace}/{self.function}").text == expected

    def live_mode(self) -> str:
        live = self.machine.data / "live" / f"{self.function}.json"
        return str(json.loads(live.read_text())["mode"]) if live.exists() else ""

    def invoke(self) -> Iterator[Row]:
        """Calls through the function's address against calls of wasmhost itself."""
        if not self.deployed:
            list(self.deploy())
        direct = request_bytes("GET", f"/invoke/{self.function}/")
        route = request_bytes("GET", f"/fn/{self.workspace}/{self.function}")
        api = request_bytes("POST", f"/api/workspaces/{self.workspace}/functions/{self.function}/invoke", b"{}")
        aims = {1: "overhead ≤ 3 ms p50", 8: "≥ 300 calls/s", 32: ""}
        for connections, aim in aims.items():
            at_host, _cpu = self.measured(self.machine.sockets[0], direct, connections)
            at_route, route_cpu = self.measured(self.machine.port, route, connections)
            at_api, api_cpu = self.measured(self.machine.port, api, connections)
            overhead = at_route.percentile(0.5) - at_host.percentile(0.5)
            yield f"one wasmhost process directly, {connections} connections", shown(at_host), ""
            yield (
                f"function route, {connections} connections",
                f"{shown(at_route)}; +{overhead:.1f} ms p50; {route_cpu}",
                aim,
            )
            yield (
                f"API invoke, {connections} connections",
                f"{shown(at_api)}; {api_cpu}",
                aim if connections == 8 else "",
            )

    def api(self) -> Iterator[Row]:
        """JSON endpoints with 100 functions, 1,000 workspaces and 10,000 builds stored."""
        build = self.fill()
        workspace = f"/api/workspaces/{self.workspace}"
        paths = {
            "one function": f"{workspace}/functions/{self.function}",
            "100 functions of a workspace": f"{workspace}/functions",
            "one workspace": workspace,
            "1,000 workspaces": "/api/workspaces",
            "one task of 10,000": f"/api/v1/tasks/{build}",
            "newest 50 tasks of 10,000": f"/api/v1/workspaces/{self.workspace}/tasks",
            "100 executions": f"{workspace}/functions/{self.function}/logs?limit=100",
            "metrics of a function": f"/api/functions/{self.function}/metrics",
        }
        aims = {
            "one function": "≥ 400/s",
            "100 functions of a workspace": "≥ 300/s",
            "1,000 workspaces": "≥ 100/s",
            "100 executions": "≥ 200/s",
        }
        for name, path in paths.items():
            load, cpu = self.measured(self.machine.port, request_bytes("GET", path), 4)
            yield name, f"{shown(load)}; {cpu}", aims.get(name, "")

    def measured(self, target: int | Path, request: bytes, connections: int) -> tuple[Load, str]:
        """The load, and what the server's processes computed for one request: that is the same on a busy machine."""
        before = self.machine.cpu_seconds()
        load = measure(target, request, connections=connections)
        spent = {name: seconds - before.get(name, 0) for name, seconds in self.machine.cpu_seconds().items()}
        parts = [f"{name} {seconds / len(load.latencies) * 1e3:.2f}" for name, seconds in sorted(spent.items())]
        return load, f"CPU {', '.join(parts)} ms"

    def fill(self) -> str:
        """What the endpoints are measured with; the id of some build."""
        from faasweb.bootstrap import get_platform
        from faasweb.domain.builds import Build

        stored = get_platform()
        for number in range(99):
            self.new_function(f"function {number}")
        for number in range(999):
            self.machine.create("/api/workspaces", {"name": f"Workspace {number}"})
        for _ in range(10_000):
            build = Build.create(self.workspace, "hello", "none/none.py", "0" * 64)
            stored.builds.repository.add(build)
            stored.builds.repository.save(replace(build.attempted().failed("seed"), revision=build.revision))
        return build.id

    def pages(self) -> Iterator[Row]:
        """Pages: server time of the document, and everything a first visit transfers, compressed."""
        if not self.deployed:
            list(self.deploy())
        tabs = ["", "/test", "/deployments", "/executions", "/logs", "/metrics", "/settings"]
        paths = ["/", f"/workspaces/{self.workspace}", f"/workspaces/{self.workspace}/functions"]
        for path in [*paths, *(self.page + tab for tab in tabs)]:
            took = [self.open(path)[0] for _ in range(40)]
            name = path.replace(self.workspace, "<ws>").replace(self.function, "<fn>")
            weight = self.weight(path)
            yield (
                f"page {name}",
                f"{middle(took[3:])} / {high(took[3:])} ms, {weight / 1024:.0f} KB",
                "≤ 30 ms p95, ≤ 150 KB",
            )

    def open(self, path: str) -> tuple[float, str]:
        answer = self.machine.browser.get(path, headers={"Accept": "text/html", "Accept-Encoding": "gzip, br"})
        answer.raise_for_status()
        return answer.elapsed.total_seconds() * 1e3, answer.text

    def weight(self, path: str) -> int:
        """Bytes of the page and of what it links, without the editor."""
        import re

        _took, html = self.open(path)
        links = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', html))
        total = len(html.encode())
        for link in sorted(links):
            if "codemirror" not in link and "editor" not in link:
                with self.machine.browser.stream("GET", link, headers={"Accept-Encoding": "br, gzip"}) as answer:
                    total += sum(len(chunk) for chunk in answer.iter_raw())
        return total

    def builds(self) -> Iterator[Row]:
        """Sources that were never built before, uploaded to `POST /api/v1/build`. The log of each says what the
        compiler took; its CPU and memory are the same on a busy machine."""
        yield from builds.rows(self.machine, self.workspace, self.page, text)

    def push(self) -> Iterator[Row]:
        """Images: to a registry on this machine and back, and from there to a first answer. The machine knows the
        component: where it does not, it takes the seconds that compiling to machine code takes."""
        if not self.deployed:
            list(self.deploy())
        yield from images.rows(self.machine, self.workspace, code(99))

    def memory(self) -> Iterator[Row]:
        """300 functions, each live and called."""
        from faasweb.wasmhost.live import read_release, write_release

        if not self.deployed:
            list(self.deploy())
        live = read_release(self.machine.data / "live" / f"{self.function}.json")
        before = self.resident()
        for number in range(300):
            function = f"fn-bench{number:03d}"
            files = {"app.py": text(number)}
            write_release(
                self.machine.data, replace(live, function_id=function, mode="instant", files=files, component=None)
            )
            for socket in self.machine.sockets:
                with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=30) as client:
                    client.get(f"http://wasmhost/invoke/{function}/").raise_for_status()
        after = self.resident()
        yield "wasmhost processes before / with 300 functions", f"{before:.0f} / {after:.0f} MB", ""
        everything = sum(
            memory_of(child) for child in psutil.Process(self.machine.process.pid).children(recursive=True)
        )
        yield "all processes together (PSS)", f"{everything:.0f} MB", ""

    def resident(self) -> float:
        children = psutil.Process(self.machine.process.pid).children(recursive=True)
        return sum(memory_of(child) for child in children if "faasweb.wasmhost" in " ".join(child.cmdline()))


def memory_of(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def middle(values: Sequence[float]) -> float:
    return round(statistics.median(values), 1)


def high(values: Sequence[float]) -> float:
    return round(sorted(values)[int(len(values) * 0.95)], 1)


def shown(load: Load) -> str:
    failed = f", {load.failed} FAILED" if load.failed else ""
    return f"{load.rate:.0f}/s, p50 {load.percentile(0.5):.1f} ms, p95 {load.percentile(0.95):.1f} ms{failed}"


SECTIONS = ("draft", "deploy", "builds", "invoke", "push", "pages", "memory", "api")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    options.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    given = options.parse_args()
    report: dict[str, list[str]] = {}
    with Machine() as machine:
        os.environ.update(FAASWEB_DATA=str(machine.data), DJANGO_SETTINGS_MODULE="faasweb.settings")
        import django

        django.setup()
        bench = Bench(machine)
        for name in given.sections or SECTIONS:
            section: Callable[[], Iterator[Row]] = getattr(bench, name)
            lines = [f"{name}\n\n{inspect.getdoc(section)}\n\n| what | measured | aim |\n|---|---|---|"]
            print(f"\n## {lines[-1]}", flush=True)  # noqa: T201
            for row in section():
                lines.append(f"| {' | '.join(row)} |")
                print(lines[-1], flush=True)  # noqa: T201
            report[name] = lines
    if given.write:
        write(report)


def write(report: Mapping[str, Sequence[str]]) -> None:
    target = ROOT / "docs" / "benchmarks.md"
    today = datetime.datetime.now(datetime.UTC).date()
    machine = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.platform()}"
    head = f"# Benchmarks\n\nMeasured by `make bench` on {today}: {machine}, Python {platform.python_version()}.\n"
    note = "The client runs on the same cores. Each line goes through the real address of one `manage.py up`.\n"
    before = {part.partition("\n")[0]: part.rstrip() for part in target.read_text().split("\n## ")[1:]}
    now = before | {name: "\n".join(lines) for name, lines in report.items()}
    target.write_text(head + note + "".join(f"\n## {now[name]}\n" for name in SECTIONS if name in now))


if __name__ == "__main__":
    main()
