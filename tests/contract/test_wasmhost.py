"""wasmhost through its socket: what the embedded runtime and every function rely on."""

import base64
import http.server
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from urllib.parse import quote

import pytest

from faasweb.wasmhost.live import promote_candidate, remove_release, write_release
from tests.contract.wasmhost_process import FUNCTIONS, WasmhostProcess, prepared_cache, read_answer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    process = WasmhostProcess(tmp_path_factory.mktemp("data"), prepared_cache())
    process.deploy("hello", "fn-hello")
    process.deploy(
        "probe",
        "fn-probe",
        environment={"FOO": "bar"},
        variables={"greeting": "hi"},
        allowed_outbound_hosts=["http://127.0.0.1:*", "https://*"],
    )
    yield process
    process.stop()


@pytest.fixture(scope="module")
def website():
    """A small HTTP server whose /both answers when two ask for it at once."""
    both = threading.Barrier(2, timeout=20)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/both":
                both.wait()
            self.answer(f"hello {self.headers['x-probe']} {self.headers['host']}".encode())

        def do_POST(self):
            self.answer(str(len(self.rfile.read(int(self.headers["content-length"])))).encode())

        def answer(self, body):
            self.send_response(203)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def lines_of(host, request_id):
    time.sleep(0.4)
    with sqlite3.connect(host.data / "telemetry.db") as database:
        query = "SELECT stream, text, version FROM lines WHERE request_id = ? ORDER BY id"
        found = database.execute(query, (request_id,)).fetchall()
    database.close()
    return found


def test_a_live_function_answers(host):
    answer = host.call("fn-hello", "/x?y=1")
    assert answer.head.status == 200
    assert ("content-type", "text/plain") in answer.head.headers
    assert answer.body == b"Hello from Blue FaaS!"
    assert (answer.end.outcome, answer.end.error, answer.end.release, answer.end.version) == ("ok", None, "r1", 1)
    assert answer.end.mode == "instant"
    assert answer.end.cpu_ms > 0
    assert answer.end.duration_ms > 0


def test_the_guest_sees_the_request_and_not_our_control_headers(host):
    headers = {
        "x-faasweb-request-id": "r-1",
        "x-faasweb-host": "shop.example",
        "x-faasweb-scheme": "https",
        "x-own": "1",
    }
    seen = host.call("fn-probe", "/echo?a=b%20c&d", "PATCH", headers=headers, content=b"x" * 100_000).json
    assert (seen["method"], seen["uri"], seen["size"]) == ("PATCH", "/echo?a=b%20c&d", 100_000)
    assert seen["headers"]["host"] == "shop.example"
    assert seen["headers"]["x-own"] == "1"
    assert not [name for name in seen["headers"] if name.startswith("x-faasweb")]


@pytest.mark.parametrize("name", ["fn-none", "..%2f..%2fetc", ".hidden", "a.candidate"])
def test_what_is_not_live_is_not_found(host, name):
    answer = host.call(name)
    assert answer.head is None
    assert answer.end.outcome == "not_found"


def test_a_candidate_runs_beside_the_live_release_until_it_is_promoted(host):
    release = host.deploy("hello", "fn-switch")
    candidate = replace(
        release, release="r2", version=2, files={"app.py": release.files["app.py"].replace("Blue", "New")}
    )
    write_release(host.data, candidate, "candidate")
    asked = {"headers": {"x-faasweb-slot": "candidate"}}
    assert host.call("fn-switch", **asked).body == b"Hello from New FaaS!"
    assert host.call("fn-switch").body == b"Hello from Blue FaaS!"
    promote_candidate(host.data, "fn-switch")
    answer = host.call("fn-switch")
    assert (answer.body, answer.end.release, answer.end.version) == (b"Hello from New FaaS!", "r2", 2)
    remove_release(host.data, "fn-switch")
    assert host.call("fn-switch").end.outcome == "not_found"


def test_a_live_file_that_cannot_run_says_so(host):
    host.deploy("hello", "fn-broken")
    (host.data / "live" / "fn-broken.json").write_text("{")
    end = host.call("fn-broken").end
    assert end.outcome == "not_ready"
    assert "not JSON" in end.error


def test_lines_are_kept_with_their_request(host):
    answer = host.call("fn-probe", "/output", headers={"x-faasweb-request-id": "r-lines"})
    expected = [("stdout", "line one"), ("stderr", "line two"), ("stdout", "no newline")]
    assert [(line.stream, line.text) for line in answer.end.logs] == expected
    assert lines_of(host, "r-lines") == [(stream, text, 1) for stream, text in expected]


def test_cpu_is_summed_up(host):
    host.call("fn-hello")
    time.sleep(0.4)
    with sqlite3.connect(host.data / "telemetry.db") as database:
        query = "SELECT sum(cpu_ns), sum(requests) FROM samples WHERE function_id = 'fn-hello'"
        cpu_ns, requests = database.execute(query).fetchone()
    database.close()
    assert cpu_ns > requests * 100_000
    assert stat.S_IMODE((host.data / "telemetry.db").stat().st_mode) == 0o600


def test_globals_do_not_survive_a_request(host):
    write_release(host.data, replace(host.deploy("hello", "fn-globals"), files={"app.py": GLOBALS}))
    assert [host.call("fn-globals").body for _ in range(3)] == [b"1", b"1", b"1"]


GLOBALS = """
from spin_sdk import http
from spin_sdk.http import Response

count = 0


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request):
        global count
        count += 1
        return Response(200, {}, str(count).encode())
"""


def test_key_values_stay(host):
    first, second = host.call("fn-probe", "/count").json, host.call("fn-probe", "/count").json
    assert second["n"] == first["n"] + 1
    assert second["keys"] == ["n"]
    assert host.call("fn-probe", "/no_store").json == {"error": "Error_NoSuchStore"}


def test_sqlite_stores_every_kind_of_value(host):
    table = host.call("fn-probe", "/table").json
    assert table["columns"] == ["a", "b", "c", "d", "e"]
    assert [value.partition("(")[0] for value in table["values"]] == [
        "Value_Text",
        "Value_Integer",
        "Value_Real",
        "Value_Blob",
        "Value_Null",
    ]


def test_sql_cannot_leave_its_file(host, tmp_path):
    for statement in (f"ATTACH '{tmp_path}/x.db' AS x", f"VACUUM INTO '{tmp_path}/x.db'"):
        assert "error" in host.call("fn-probe", "/sql?" + quote(statement)).json
    assert not list(tmp_path.iterdir())


def test_variables_and_environment_are_there(host):
    assert host.call("fn-probe", "/variable?greeting").json == "hi"
    assert host.call("fn-probe", "/variable?nope").json == {"error": "Error_Undefined"}
    assert host.call("fn-probe", "/environment").json == {"FOO": "bar"}


def test_the_guest_sees_its_own_files_only_and_cannot_write(host):
    found = host.call("fn-probe", "/files").json
    assert found["listing"] == ["app.py", "data.txt"]
    assert found["found"].pop("/app/data.txt") == "some data"
    assert set(found["found"].values()) <= {"FileNotFoundError", "PermissionError", "OSError"}


def test_chance_differs_in_every_request(host):
    assert len({tuple(host.call("fn-probe", "/chance").json) for _ in range(3)}) == 3


def test_an_outgoing_request_reaches_an_allowed_host(host, website):
    fetched = host.call("fn-probe", f"/fetch?{quote(website)}").json
    assert fetched == {"status": 203, "body": f"hello 1 {website.removeprefix('http://')}"}
    assert host.call("fn-probe", f"/post?{quote(website)}").json == {"status": 203, "body": "200000"}


def test_outgoing_requests_overlap(host, website):
    both = host.call("fn-probe", "/fetch_both?" + quote(f"{website}/both,{website}/both")).json
    assert both["statuses"] == [203, 203]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://localhost:9/", "ErrorCode_HttpRequestDenied"),
        ("https://127.0.0.1/", "ErrorCode_HttpRequestDenied"),
        ("https://169.254.169.254/latest", "ErrorCode_HttpRequestDenied"),
        ("http://127.0.0.1:1/", "ErrorCode_ConnectionRefused"),
        ("https://name.invalid/", "ErrorCode_DnsError"),
    ],
)
def test_other_outgoing_requests_fail_with_their_reason(host, url, error):
    assert host.call("fn-probe", f"/fetch?{quote(url)}").json == {"error": error}


def test_what_the_local_runtime_lacks_says_so(host):
    answer = host.call("fn-probe", "/redis_call")
    assert "fermyon:spin/redis is not available in the local runtime" in answer.json["error"]


def test_a_draft_answers_and_leaves_no_trace(host):
    source = (FUNCTIONS / "probe.py").read_text()
    answer = host.draft(source, "/output")
    assert (answer.head.status, answer.end.outcome, answer.end.release) == (200, "ok", "draft")
    assert [line.text for line in answer.end.logs] == ["line one", "line two", "no newline"]
    assert lines_of(host, "d1") == []
    live = host.call("fn-probe", "/count").json["n"]
    assert host.draft(source, "/count", function_id="fn-probe").json["n"] == 1
    assert host.call("fn-probe", "/count").json["n"] == live + 1


def test_a_draft_takes_a_body(host):
    release = {"function_id": "fn-d", "workspace_id": "w", "release": "d"}
    release["files"] = {"app.py": (FUNCTIONS / "probe.py").read_text()}
    request = {"method": "POST", "path": "/echo?q", "headers": [["x-a", "b"]]}
    request["body_base64"] = base64.b64encode(b"12345").decode()
    response = host.client.post("/draft", json={"release": release, "request": request})
    seen = read_answer(response.content).json
    assert (seen["method"], seen["uri"], seen["size"], seen["headers"]["x-a"]) == ("POST", "/echo?q", 5, "b")


@pytest.mark.parametrize("content", ["{", "{}", '{"release": {}}', '{"release": {"mode": "baked"}}', "[1]"])
def test_a_draft_that_is_none_is_refused(host, content):
    assert host.client.post("/draft", content=content).status_code == 400


def test_a_warm_draft_needs_no_build(host):
    source = (FUNCTIONS / "hello.py").read_text()
    times = []
    for number in range(30):
        started = time.perf_counter()
        host.draft(f"# edit {number}\n{source}")
        times.append(time.perf_counter() - started)
    assert sorted(times)[15] < 2  # make bench has the numbers; a build takes many seconds


@pytest.mark.parametrize(
    ("source", "error", "printed"),
    [
        ("import os\nx = (\n", "'(' was never closed (app.py, line 2)", 'File "/app/app.py", line 2'),
        ("\n\n1 / 0\n", "ZeroDivisionError: division by zero", 'File "/app/app.py", line 3'),
        ("import nope\n", "No module named 'nope'", 'File "/app/app.py", line 1'),
        ("x = 1\n", "it defines no class IncomingHandler", "IncomingHandler"),
        ("from spin_sdk.http import IncomingHandler\n", "it defines no class IncomingHandler", "IncomingHandler"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why_and_where(host, source, error, printed):
    answer = host.draft(source)
    assert (answer.head.status, answer.end.outcome) == (500, "error")
    assert answer.end.error.startswith("app.py cannot be imported: ")
    assert error in answer.end.error
    assert printed in "\n".join(line.text for line in answer.end.logs)


def test_an_exception_in_the_handler_shows_the_users_line(host):
    answer = host.call("fn-probe", "/fail")
    assert (answer.head.status, answer.body, answer.end.outcome) == (500, b"", "error")
    assert answer.end.error == "ValueError: boom in user code"
    traceback = [line.text for line in answer.end.logs]
    assert traceback[0] == "Traceback (most recent call last):"
    assert all("/app/app.py" in line for line in traceback if line.startswith("  File"))


def test_a_factory_works_as_a_handler(host):
    assert host.draft((FUNCTIONS / "legacy.py").read_text()).body == b"from the factory"


def test_an_empty_500_without_an_error_is_an_answer(host):
    answer = host.call("fn-probe", "/empty_500")
    assert (answer.head.status, answer.end.outcome) == (500, "ok")


def test_a_body_arrives_while_the_function_writes_it(host):
    host.deploy("streaming", "fn-stream")
    arrived = []
    with host.client.stream("GET", "/invoke/fn-stream/?4,0.2,1") as response:
        for piece in response.iter_raw():
            arrived.append((time.monotonic(), piece))
    answer = read_answer(b"".join(piece for _, piece in arrived))
    assert answer.body == b"".join(b"piece %d\n" % number for number in range(4))
    assert arrived[-1][0] - arrived[0][0] > 0.5


def test_health_and_readiness(host):
    assert host.client.get("/health").text == "ok"
    assert host.client.get("/readyz").json()["ready"] is True
    assert host.client.get("/nothing").status_code == 404
    assert stat.S_IMODE(host.socket.stat().st_mode) == 0o600


def test_it_starts_without_a_base_and_says_that_it_is_not_ready(tmp_path):
    process = WasmhostProcess(tmp_path, tmp_path / "cache")
    try:
        answer = process.client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert answer.json()["reason"] == "The instant base is being prepared."
        process.deploy("hello", "fn-hello")
        assert process.call("fn-hello").end.outcome == "not_ready"
        source, target = prepared_cache() / "base", tmp_path / "cache" / "base"
        target.parent.mkdir()
        target.symlink_to(source)
        assert process.client.get("/readyz").status_code == 200
        assert process.call("fn-hello").end.outcome == "ok"
    finally:
        assert process.stop() < 3


def test_a_restart_serves_again_by_itself(tmp_path):
    first = WasmhostProcess(tmp_path, prepared_cache())
    first.deploy("hello", "fn-hello")
    first.call("fn-hello")
    assert first.stop() < 3
    second = WasmhostProcess(tmp_path, prepared_cache())
    assert second.call("fn-hello").body == b"Hello from Blue FaaS!"
    second.stop()


def test_it_dies_with_its_parent(tmp_path):
    socket = tmp_path / "h.sock"
    command = [sys.executable, "-m", "faasweb.wasmhost", "--data", tmp_path, "--cache", tmp_path, "--socket", socket]
    code = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(60)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", code, *map(str, command)], **pipes) as parent:
        child = int(parent.stdout.readline())
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.05)
        parent.kill()
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.05)
    os.kill(child, 9)
    raise AssertionError("wasmhost outlived its parent")


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as status:  # noqa: PTH123
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_stop_while_a_function_runs_takes_less_than_three_seconds(tmp_path):
    process = WasmhostProcess(tmp_path, prepared_cache())
    process.deploy("probe", "fn-probe", timeout_s=30)
    ends = []
    client = process.new_client()
    thread = threading.Thread(target=lambda: ends.append(process.call("fn-probe", "/loop", client=client).end))
    thread.start()
    time.sleep(0.5)
    assert process.stop() < 3
    thread.join()
    client.close()
    assert ends[0].error == "The runtime was stopped while the function ran."


def test_the_answer_is_json_a_client_can_read(host):
    response = host.client.get("/invoke/fn-hello/")
    payload = response.content[response.content.rindex(b'{"outcome"') :]
    assert set(json.loads(payload)) == {
        "outcome",
        "error",
        "duration_ms",
        "cpu_ms",
        "memory_peak_mb",
        "release",
        "version",
        "mode",
        "logs",
        "logs_dropped",
    }


def test_a_predecessor_that_ends_late_leaves_the_socket_to_its_successor(tmp_path):
    first = WasmhostProcess(tmp_path, prepared_cache())
    inode = first.socket.stat().st_ino
    second = WasmhostProcess(tmp_path, prepared_cache())
    for _ in range(200):
        if second.socket.stat().st_ino != inode:
            break
        time.sleep(0.05)
    first.stop()
    try:
        with second.new_client() as client:
            assert client.get("/health").status_code == 200
    finally:
        second.stop()
    assert not second.socket.exists()


def test_a_socket_that_cannot_be_opened_is_said_in_one_sentence(tmp_path):
    socket = tmp_path / ("x" * 120) / "h.sock"
    command = [sys.executable, "-m", "faasweb.wasmhost", "--data", tmp_path, "--cache", tmp_path, "--socket", socket]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("wasmhost cannot listen on ")
