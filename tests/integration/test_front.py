"""Both Django stacks on the real server: granian, the router, the threads of the web stack."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faasweb.routing import MAX_BODY_BYTES
from faasweb.supervisor import servers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent


def start(command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.integration.front_site"}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if client.get("/health").json() == {"status": "healthy"}:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the server does not answer")


def serving(command: tuple[str, ...], port: int) -> Iterator[httpx.Client]:
    process = start(command)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            wait_for(client)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def front() -> Iterator[httpx.Client]:
    port = free_port()
    yield from serving(servers.edge_and_web("127.0.0.1", port), port)


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    port = free_port()
    yield from serving(servers.web("127.0.0.1", port), port)


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize(("path", "stack"), [("/received", "WSGIRequest"), ("/fn/received", "ASGIRequest")])
def test_each_stack_gets_its_paths_and_the_whole_body_whether_its_length_is_declared_or_not(front, path, stack):
    expected = {"stack": stack, "bytes": 200 * 1024}
    assert front.post(path, content=b"x" * 200 * 1024).json() == expected
    assert front.post(path, content=chunks(200 * 1024)).json() == expected
    assert front.get(path).json() == {"stack": stack, "bytes": 0}


def test_each_stack_has_its_own_middleware(front):
    assert "Accept-Encoding" in front.get("/large", headers={"accept-encoding": "gzip"}).headers["vary"]
    with front.stream("GET", "/stream/beats", headers={"accept-encoding": "gzip"}) as answer:
        assert "vary" not in answer.headers


@pytest.mark.parametrize("path", ["/received", "/fn/received"])
def test_a_body_over_the_limit_is_refused(front, path):
    assert front.post(path, content=chunks(MAX_BODY_BYTES + 1024)).status_code == 413
    assert front.post(path, content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_a_body_declared_too_large_is_refused_before_it_is_sent(front):
    with socket.create_connection((front.base_url.host, front.base_url.port), timeout=5) as connection:
        head = f"POST /received HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_stream_arrives_while_it_is_written(front):
    with front.stream("GET", "/stream/beats") as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines), next(lines)] == [": beat", "", ": beat"]


def test_clients_that_hang_up_in_the_middle_of_a_page_use_up_no_thread(front):
    for _ in range(3 * servers.WEB_THREADS):
        with front.stream("GET", "/large") as answer:
            next(answer.iter_raw())
    assert front.get("/received").status_code == 200


def test_the_web_stack_alone_serves_the_same_and_wants_to_know_the_length(web):
    assert web.post("/received", content=b"x" * 200 * 1024).json() == {"stack": "WSGIRequest", "bytes": 200 * 1024}
    assert web.post("/received", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert web.post("/received", content=chunks(2048)).status_code == 411


def test_an_open_stream_does_not_hold_up_the_stop():
    port = free_port()
    process = start(servers.edge_and_web("127.0.0.1", port))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        wait_for(client)
        with client.stream("GET", "/stream/beats") as answer:
            next(answer.iter_lines())
            stopping = time.monotonic()
            process.terminate()
            process.wait(timeout=10)
            assert time.monotonic() - stopping < 5
