"""The embedded runtime: writes what is live where wasmhost reads it, and calls wasmhost over its sockets."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import httpx

from faasweb.adapters.runtime.components import Components
from faasweb.adapters.runtime.wasm_calls import (
    Lane,
    NobodyListens,
    Pair,
    WasmAnswer,
    control_headers,
    forwarded,
    report_of,
    target_of,
)
from faasweb.domain.errors import Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import Head, InvocationRequest
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import CodeStore, Health, Release
from faasweb.wasmhost import frames, live

HEALTH_TIMEOUT_S = 20.0
GRACE_S = 10.0  # wasmhost itself ends a run at its timeout; past that much more it is wasmhost that hangs
CONCURRENCY = 16


class WasmRuntime:
    """Runtime and DraftRunner on the wasmhost processes of this machine."""

    instant = True

    def __init__(self, data: Path, code: CodeStore, sockets: Sequence[Path]) -> None:
        self.data = data
        self.components = Components(data, code)
        self.lanes = [Lane(path) for path in sockets]
        self.turn = itertools.count()

    # what is live

    def apply(self, release: Release) -> None:
        with _disk():
            if release.artifact is not None and release.source is None:
                sha256 = release.artifact.digest.removeprefix("sha256:")
                self.components.provide(release.function_id, sha256, release.artifact.key)
            live.write_release(self.data, _live_release(release), "candidate")

    def check(self, release: Release) -> Health:
        request = InvocationRequest("GET", headers=(("user-agent", "faasweb-health"),))
        head, report = None, None
        try:
            for frame in self._call_candidate(release, request):
                match frame:
                    case frames.Head(status, headers):
                        head = Head(status, headers)
                    case frames.End():
                        report = report_of(frame)
        except (httpx.HTTPError, frames.BrokenFrames) as exc:
            raise Unavailable("wasmhost does not answer the health request.") from exc
        if report is None or report.outcome == "not_ready":
            raise Unavailable((report and report.error) or "wasmhost gave no complete answer to the health request.")
        if head is None:
            return Health(ok=False, error=report.error or "It gave no answer.")
        # A source whose import fails answers 500 to everything; a handler that only dislikes GET / may be fine.
        started = not (report.outcome == "error" and _fails_at_import(report.error))
        return Health(ok=started, status=head.status, error=report.error)

    def _call_candidate(self, release: Release, request: InvocationRequest) -> list[frames.Frame]:
        headers = [*control_headers(request, "health"), (b"x-faasweb-slot", b"candidate")]
        timeout = min(float(release.settings.timeout_s), HEALTH_TIMEOUT_S) + GRACE_S
        with self._lanes()[0].blocking_client(timeout) as client:
            answer = client.get(f"http://wasmhost/invoke/{release.function_id}/", headers=headers)
            answer.raise_for_status()
            return list(frames.decode(answer.content))

    def switch(self, release: Release) -> None:
        wanted = _live_release(release)
        with _disk():
            try:
                candidate = live.read_release(live.release_path(self.data, release.function_id, "candidate"))
                if (candidate.release, candidate.mode) == (wanted.release, wanted.mode):
                    live.promote_candidate(self.data, release.function_id)
                    return
            except FileNotFoundError:
                pass
            # Switched before by an attempt that could not say so any more, or overwritten: write it again.
            live.write_release(self.data, wanted)

    def update_settings(self, release: Release) -> None:
        with _disk():
            live.write_release(self.data, _live_release(release))

    def check_options(self, options: AppOptions) -> None:
        """They are a cluster's alone."""

    def remove(self, function_id: str, app_name: str) -> None:
        with _disk():
            live.remove_release(self.data, function_id)
            live.remove_release(self.data, function_id, "candidate")
            self.components.forget(function_id)
            shutil.rmtree(self.data / "state" / function_id, ignore_errors=True)
        telemetry = self.data / "telemetry.db"
        if telemetry.exists():
            with suppress(sqlite3.Error), closing(sqlite3.connect(telemetry, timeout=20)) as database, database:
                database.execute("DELETE FROM lines WHERE function_id = ?", (function_id,))
                database.execute("DELETE FROM samples WHERE function_id = ?", (function_id,))

    # calls

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> WasmAnswer:
        return await self._call(
            request.method,
            target_of(function.id, request),
            [*forwarded(request), *control_headers(request, request_id)],
            request.body,
            function.settings.timeout_s + GRACE_S,
        )

    async def run(self, release: Release, request: InvocationRequest, request_id: str) -> WasmAnswer:
        content = {
            "release": _as_json(_live_release(release)),
            "request": {
                "method": request.method,
                "path": request.target,
                "headers": [list(pair) for pair in request.headers],
                "body_base64": base64.b64encode(request.body).decode(),
            },
            "request_id": request_id,
        }
        body = json.dumps(content).encode()
        return await self._call("POST", b"/draft", (), body, release.settings.timeout_s + GRACE_S)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, before it ends."""
        for lane in self.lanes:
            await lane.aclose()

    async def _call(
        self, method: str, target: bytes, headers: Sequence[Pair], body: bytes, timeout_s: float
    ) -> WasmAnswer:
        """A process that does not listen is passed over. It has no calls under way, so it would be the first choice."""
        *others, last = self._lanes()
        for lane in others:
            with suppress(NobodyListens):
                return await lane.call(method, target, headers, body, timeout_s)
        return await last.call(method, target, headers, body, timeout_s)

    def _lanes(self) -> Sequence[Lane]:
        """The process with the fewest calls under way first; equals in turn."""
        shift = next(self.turn) % len(self.lanes)
        return sorted(self.lanes[shift:] + self.lanes[:shift], key=lambda lane: lane.calls)

    def ready(self) -> str | None:
        for lane in self.lanes:
            try:
                with lane.blocking_client(3) as client:
                    answer = client.get("http://wasmhost/readyz")
            except httpx.HTTPError:
                return "wasmhost does not answer."
            if answer.status_code != httpx.codes.OK:
                return str(answer.json().get("reason", "wasmhost is not ready."))
        return None


def _fails_at_import(error: str | None) -> bool:
    return error is not None and "import" in error.lower()


def _live_release(release: Release) -> live.LiveRelease:
    settings, provided = release.settings, release.provided
    files, data = _contents(release)
    return live.LiveRelease(
        function_id=release.function_id,
        workspace_id=release.workspace_id,
        release=release.deployment_id,
        version=release.version,
        mode="instant" if release.source else "baked",
        module=release.source.module if release.source else "app",
        files=files,
        data={path: base64.b64encode(content).decode() for path, content in data.items()},
        mounts=dict(provided.mounts),
        site=release.site.digest if release.site else None,
        component=release.artifact.digest.removeprefix("sha256:") if release.artifact and not release.source else None,
        environment={variable.name: variable.value for variable in settings.environment},
        variables={variable.name.lower(): variable.value for variable in settings.environment},
        allowed_outbound_hosts=list(settings.allowed_outbound_hosts),
        key_value_stores=list(provided.key_value_stores),
        sqlite_databases=list(provided.sqlite_databases),
        memory_mb=settings.memory_mb,
        timeout_s=settings.timeout_s,
        concurrency=CONCURRENCY,
    )


def _contents(release: Release) -> tuple[dict[str, str], Mapping[str, bytes]]:
    """Text and other files: of a source all, of a component what is mounted."""
    if release.source is None:
        return {}, release.provided.contents
    return dict(release.source.files), release.source.data


def _as_json(release: live.LiveRelease) -> Mapping[str, object]:
    return {name: getattr(release, name) for name in release.__dataclass_fields__}


class _disk:  # noqa: N801 - used as a with-statement word
    """A disk that refuses (full, read-only) is a part that is away, not a crash."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, OSError):
            raise Unavailable(f"The data folder can't be written: {exc.strerror or 'input/output error'}.") from exc
