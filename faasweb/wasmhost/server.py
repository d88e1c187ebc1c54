"""The HTTP side: a thread per connection reads requests from the unix socket and runs their guests itself.

A guest needs a thread of its own anyway. Running it on the thread that read its request saves two hand-overs, and a
client that reads slowly holds up its own guest and nobody else.
"""

import base64
import binascii
import json
import logging
import socket
import threading
import time
from pathlib import Path
from typing import Any

from faasweb.wasmhost.frame_sink import FrameSink
from faasweb.wasmhost.frames import End
from faasweb.wasmhost.functions import Function, NotServed
from faasweb.wasmhost.host import MAX_REQUEST_BODY, Host, Job, not_run
from faasweb.wasmhost.http_wire import BadRequest, Connection, Disconnected, Request
from faasweb.wasmhost.live import InvalidRelease, LiveRelease, Slot
from faasweb.wasmhost.native import THREAD_STACK
from faasweb.wasmhost.programs import NotReady
from faasweb.wasmhost.sandbox import GuestRequest, Headers, Sandbox
from faasweb.wasmhost.sites import MissingSite, Sites
from faasweb.wasmhost.watcher import Watcher

MAX_CONNECTIONS = 512
MAX_DRAFT_BYTES = 24 << 20
BACKLOG = 256
CONTROL_PREFIX = "x-faasweb-"
# About this connection, not about the guest's request.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "expect", "host"}

logger = logging.getLogger(__name__)


class Server:
    """Serves one host on one unix socket."""

    def __init__(self, host: Host, path: Path) -> None:
        self._host = host
        self._path = path
        self._watcher = Watcher()
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stopping = False
        self._inode = 0

    def bind(self) -> None:
        """Take over the socket's path; whoever had it before is gone or about to go. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{self._path.name}.new")
        temporary.unlink(missing_ok=True)
        self._listener.bind(str(temporary))
        temporary.chmod(0o600)
        self._listener.listen(BACKLOG)
        temporary.rename(self._path)
        self._inode = self._path.stat().st_ino

    def serve(self) -> None:
        """Accept connections until ``stop``."""
        threading.stack_size(THREAD_STACK)
        self._watcher.start()
        while not self._stopping:
            self._free.acquire()
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                break
            threading.Thread(target=self._serve_connection, args=(accepted,), daemon=True).start()

    def stop(self, grace_s: float) -> None:
        """Take no more requests; let running ones finish for ``grace_s`` seconds, then end them."""
        self._stopping = True
        self._unlink_own()
        self._listener.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + grace_s
        while self._host.gate.total and time.monotonic() < until:
            time.sleep(0.02)
        self._host.stop_all("shutdown")
        until = time.monotonic() + 0.5
        while self._host.gate.total and time.monotonic() < until:
            time.sleep(0.02)

    def _unlink_own(self) -> None:
        """Remove the socket, unless a successor has taken its place already."""
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            return

    def _serve_connection(self, sock: socket.socket) -> None:
        connection = Connection(sock)
        try:
            while not self._stopping:
                self._answer(connection, connection.read_request(MAX_DRAFT_BYTES))
        except BadRequest as error:
            self._refuse(connection, str(error))
        except (Disconnected, OSError):
            logger.debug("a client went away")
        except Exception:  # the border of this thread: it costs one connection, never the process
            logger.exception("a connection failed")
        finally:
            sock.close()
            self._free.release()

    @staticmethod
    def _refuse(connection: Connection, reason: str) -> None:
        try:
            connection.answer(400, "text/plain", reason.encode(), close=True)
        except OSError:
            return

    def _answer(self, connection: Connection, request: Request) -> None:
        path = request.target.partition("?")[0]
        if path.startswith("/invoke/"):
            self._invoke(connection, request)
        elif path == "/draft" and request.method == "POST":
            self._draft(connection, request)
        elif path == "/health":
            connection.answer(200, "text/plain", b"ok")
        elif path == "/readyz":
            self._readyz(connection)
        else:
            connection.answer(404, "text/plain", b"not found")

    def _readyz(self, connection: Connection) -> None:
        try:
            self._host.programs.base()
        except NotReady as error:
            body = {"ready": False, "reason": str(error)}
        else:
            body = {"ready": True, "running": self._host.gate.total}
        connection.answer(200 if body["ready"] else 503, "application/json", json.dumps(body).encode())

    def _invoke(self, connection: Connection, request: Request) -> None:
        sink = FrameSink(connection.sock)
        function_id, _, rest = request.target.removeprefix("/invoke/").partition("/")
        function_id, question_mark, query = function_id.partition("?")
        path = f"/{rest}{question_mark}{query}"
        slot: Slot = "candidate" if request.header("x-faasweb-slot") == "candidate" else "live"
        function = self._find(function_id, slot)
        if isinstance(function, End):
            sink.end(function)
        elif request.body is None:
            sink.end(_too_large(function.release))
        else:
            request_id = request.header("x-faasweb-request-id") or ""
            self._run(connection, sink, Job(function, _guest_request(request, path), request_id))

    def _find(self, function_id: str, slot: Slot) -> Function | End:
        try:
            return self._host.find(function_id, slot)
        except NotServed:
            return not_run("not_found", "No such function is live here.")
        except InvalidRelease as error:
            return not_run("not_ready", f"The live release cannot run: {error}.")

    def _draft(self, connection: Connection, request: Request) -> None:
        sink = FrameSink(connection.sock)
        if request.body is None:
            sink.end(_too_large(None))
            return
        try:
            job = draft_job(json.loads(request.body), self._host.sites)
        except MissingSite as error:
            sink.end(not_run("not_ready", str(error)))
            return
        except (InvalidRelease, ValueError, KeyError, TypeError) as error:
            connection.answer(400, "text/plain", f"not a draft: {error}".encode())
            return
        self._run(connection, sink, job)

    def _run(self, connection: Connection, sink: FrameSink, job: Job) -> None:
        def on_sandbox(sandbox: Sandbox) -> None:
            sink.sandbox = sandbox
            self._watcher.watch(connection.sock, sandbox)

        try:
            self._host.run(job, sink, on_sandbox)
        finally:
            self._watcher.unwatch(connection.sock)
        if sink.broken:
            raise Disconnected


def _too_large(release: LiveRelease | None) -> End:
    return not_run("too_large", f"The request body is larger than {MAX_REQUEST_BODY >> 20} MB.", release)


def _guest_request(request: Request, path: str) -> GuestRequest:
    authority = request.header("x-faasweb-host") or "localhost"
    headers: Headers = [("host", authority.encode("latin-1"))]
    headers += [
        (name, value)
        for name, value in request.headers
        if name not in HOP_BY_HOP and not name.startswith(CONTROL_PREFIX)
    ]
    scheme = request.header("x-faasweb-scheme") or "http"
    return GuestRequest(request.method, path, scheme, authority, headers, request.body or b"")


def draft_job(content: Any, sites: Sites) -> Job:
    """The job a draft's JSON describes. Raises InvalidRelease, ValueError, KeyError or TypeError."""
    release = LiveRelease.from_json(content["release"])
    if release.mode != "instant":
        raise InvalidRelease("a draft runs in instant mode")
    asked = content.get("request", {})
    try:
        body = base64.b64decode(asked.get("body_base64") or "", validate=True)
    except binascii.Error as error:
        raise ValueError("body_base64 is not base64") from error
    headers = [(str(name).lower(), str(value).encode("latin-1", "replace")) for name, value in asked.get("headers", [])]
    authority = next((value.decode("latin-1") for name, value in headers if name == "host"), "localhost")
    request = GuestRequest(
        str(asked.get("method", "GET")).upper(), str(asked.get("path") or "/"), "http", authority, headers, body
    )
    return Job(Function.of(release, sites), request, str(content.get("request_id", "")), is_draft=True)
