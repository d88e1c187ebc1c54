"""What a function may not do, how it is told, and that nobody else notices."""

import socket
import threading
import time

import psutil
import pytest

from tests.contract.wasmhost_process import WasmhostProcess, prepared_cache

pytestmark = pytest.mark.slow

MEMORY = "The function used more than its 128 MB of memory."


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    process = WasmhostProcess(tmp_path_factory.mktemp("data"), prepared_cache())
    process.deploy("hello", "fn-hello")
    process.deploy("silent", "fn-silent")
    process.deploy("probe", "fn-probe", timeout_s=2)
    yield process
    process.stop()


@pytest.mark.parametrize(
    ("path", "outcome", "error"),
    [
        ("/loop", "timeout", "The function did not answer within 2 s (its timeout)."),
        ("/sleep?30", "timeout", "The function did not answer within 2 s (its timeout)."),
        ("/memory?500", "error", MEMORY),
        ("/memory_slowly", "error", MEMORY),
        ("/leave", "error", "The function called sys.exit(3) instead of returning a Response."),
        ("/abort", "trap", "The function aborted."),
        ("/nothing", "error", "handle_request returned None: it must return a Response"),
        ("/not_a_number", "error", "the status of a Response is a number from 200 to 599, not nan"),
        ("/text_body", "error", "the body of a Response is bytes, not str: use .encode()"),
        ("/many_headers?200", "error", "The response has more than 128 headers or 64 KB of them, the limit."),
        ("/split_header", "error", "the header 'x-a' of a Response has a character that headers cannot have"),
    ],
)
def test_a_limit_is_a_sentence_for_the_author(host, path, outcome, error):
    end = host.call("fn-probe", path).end
    assert (end.outcome, end.error) == (outcome, error)
    assert end.duration_ms < 6000  # bounded; how closely depends on what else the machine does
    assert host.call("fn-hello").end.outcome == "ok"


def test_a_response_over_the_limit_is_told_so(host):
    host.deploy("probe", "fn-patient", timeout_s=60)  # sixteen megabytes cross in small pieces: slow on a busy machine
    end = host.call("fn-patient", "/big?17000000").end
    assert (end.outcome, end.error) == ("error", "The response is larger than 16 MB, the limit.")


def test_deep_recursion_ends(host):
    end = host.call("fn-probe", "/recurse").end
    assert end.outcome in ("timeout", "error", "trap")
    assert end.error


def test_a_function_that_says_nothing_is_told_so(host):
    end = host.call("fn-silent").end
    assert (end.outcome, end.error) == ("no_response", "The function returned without sending a response.")
    assert [line.text for line in end.logs] == ["not a word"]


def test_a_memory_that_is_too_small_to_start_is_told_so(host):
    host.deploy("hello", "fn-tiny", memory_mb=4)
    assert host.call("fn-tiny").end.error == "The function needs more than its 4 MB of memory to start."


def test_two_hundred_thousand_lines_are_capped(host):
    host.deploy("probe", "fn-flood", timeout_s=25)
    end = host.call("fn-flood", "/flood?20").end
    assert end.outcome in ("ok", "timeout")
    assert len(end.logs) == 100
    assert end.logs_dropped > 50_000
    assert host.call("fn-hello").end.outcome == "ok"


def test_a_hundred_megabytes_of_output_are_capped(host):
    host.deploy("probe", "fn-wide", timeout_s=25)
    before = psutil.Process(host.process.pid).memory_info().rss
    end = host.call("fn-wide", "/flood_wide?100").end
    assert end.outcome in ("ok", "timeout")
    assert all(len(line.text) <= 16 << 10 for line in end.logs)
    assert psutil.Process(host.process.pid).memory_info().rss - before < 100 << 20
    assert host.call("fn-hello").end.outcome == "ok"


def test_a_request_body_over_the_limit_is_refused(host):
    end = host.call("fn-hello", "/", "POST", content=bytes((6 << 20) + 1)).end
    assert (end.outcome, end.error) == ("too_large", "The request body is larger than 6 MB.")
    assert host.call("fn-hello", "/", "POST", content=bytes(6 << 20)).end.outcome == "ok"


def test_over_its_concurrency_a_function_refuses_soon(host):
    host.deploy("probe", "fn-narrow", timeout_s=3, concurrency=1)
    client = host.new_client()
    thread = threading.Thread(target=lambda: host.call("fn-narrow", "/sleep?30", client=client))
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    end = host.call("fn-narrow", "/echo").end
    assert end.outcome == "over_capacity"
    assert 1.5 < time.monotonic() - started < 15  # it waited for a place, and not for ever
    assert host.call("fn-hello").end.outcome == "ok"
    thread.join()
    client.close()


def test_a_neighbour_hardly_notices_a_loop(host):
    def latency(count):
        times = []
        for _ in range(count):
            started = time.perf_counter()
            assert host.call("fn-hello").end.outcome == "ok"
            times.append(time.perf_counter() - started)
        return sorted(times)[count // 2]

    latency(10)
    quiet = latency(30)
    client = host.new_client()
    thread = threading.Thread(target=lambda: host.call("fn-probe", "/loop", client=client))
    thread.start()
    time.sleep(0.3)
    meanwhile = latency(30)
    thread.join()
    client.close()
    assert meanwhile - quiet < 1.0, (quiet, meanwhile)  # far below the loop's two seconds


def open_connection(host, path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(host.socket))
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


def test_a_client_that_goes_away_ends_its_function(host):
    host.deploy("probe", "fn-left", timeout_s=30, concurrency=1)
    for path in ("/loop", "/sleep?25"):
        connection = open_connection(host, f"/invoke/fn-left{path}")
        time.sleep(0.3)
        connection.close()
        started = time.monotonic()
        assert host.call("fn-left", "/echo").end.outcome == "ok"
        assert time.monotonic() - started < 15  # its function would have gone on for longer


def test_a_client_that_does_not_read_holds_up_nobody_and_ends_at_the_timeout(host):
    connection = open_connection(host, "/invoke/fn-probe/big?12000000")
    started = time.monotonic()
    assert host.call("fn-hello").end.outcome == "ok"
    assert time.monotonic() - started < 10
    time.sleep(2.5)
    received = bytearray()
    connection.settimeout(5)
    while piece := connection.recv(1 << 20):
        received += piece
    connection.close()
    assert len(received) < 2 << 20
    assert b'"outcome"' not in received


def test_many_requests_at_once_are_all_answered(host):
    outcomes = []

    def call_some():
        with host.new_client() as client:
            outcomes.extend(host.call("fn-hello", client=client).end.outcome for _ in range(5))

    threads = [threading.Thread(target=call_some) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["ok"] * 120


def test_three_hundred_functions_fit_into_one_process(tmp_path):
    process = WasmhostProcess(tmp_path, prepared_cache())
    try:
        for number in range(300):
            process.deploy("hello", f"fn-{number}")
        assert {process.call(f"fn-{number}").end.outcome for number in range(300)} == {"ok"}
        assert psutil.Process(process.process.pid).memory_info().rss < 400 << 20
    finally:
        process.stop()
