"""The components that wasmhost runs: `<data>/components/<sha256>.wasm` and, compiled for this machine, `.cwasm`.

Every version keeps its component in the code store. Here are only those of what is live and of the releases that each
function applied last: a roll back to one of them is a switch, to an older one takes a compilation. Two functions with
the same source share a component, so each has a list of those it keeps; what is on no list is deleted.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from faasweb.domain.errors import InvalidInput, Unavailable
from faasweb.ports import CodeStore
from faasweb.wasmhost import live

KEPT = 10  # each is about 40 MB compiled
COMPILE_TIMEOUT_S = 120
COMPILE_MEMORY_MB = 3000  # a Python component takes 450; one made to hurt would take all there is
INVALID = 3  # the compiler's exit status for what is no component


class Components:
    """What functions need of components on this machine. Raises OSError when the disk refuses."""

    def __init__(self, data: Path, code: CodeStore) -> None:
        self.data = data
        self.folder = data / "components"
        self.code = code

    def provide(self, function_id: str, sha256: str, key: str) -> None:
        """Have a component of the code store here, compiled, for this function. InvalidInput, Unavailable."""
        self._keep(function_id, sha256)
        wasm = self.folder / f"{sha256}.wasm"
        if not wasm.exists():
            self.code.fetch(key, wasm)
        if not wasm.with_suffix(".cwasm").exists():
            _compile(wasm)

    def _keep(self, function_id: str, sha256: str) -> None:
        with self._locked():
            before = self._list(function_id)
            newest = [sha256, *(other for other in before if other != sha256)]
            served = self._served()
            kept = [digest for place, digest in enumerate(newest) if place < KEPT or digest in served]
            if kept != before:
                live.write_atomically(self._list_path(function_id), json.dumps(kept).encode())
            self._delete(set(before) - set(kept), served)

    def forget(self, function_id: str) -> None:
        """Delete what only this function needed. Its live files are gone already."""
        if not self.folder.exists():
            return
        with self._locked():
            kept = self._list(function_id)
            self._list_path(function_id).unlink(missing_ok=True)
            self._delete(set(kept), self._served())

    def _delete(self, digests: set[str], served: set[str]) -> None:
        if not digests:
            return
        lists = [self._list(path.stem) for path in self.folder.glob("*.kept")]
        for digest in digests.difference(served, *lists):
            for suffix in (".wasm", ".cwasm"):
                (self.folder / f"{digest}{suffix}").unlink(missing_ok=True)

    def _served(self) -> set[str]:
        """The components of everything that is live or about to be."""
        found = set()
        for path in (self.data / "live").glob("*.json"):
            with suppress(FileNotFoundError, live.InvalidRelease):
                found.add(live.read_release(path).component or "")
        return found

    def _list_path(self, function_id: str) -> Path:
        return self.folder / f"{function_id}.kept"

    def _list(self, function_id: str) -> Sequence[str]:
        """Newest first."""
        try:
            listed = json.loads(self._list_path(function_id).read_bytes())
        except (FileNotFoundError, ValueError):
            return []
        return [digest for digest in listed if live.SHA256.fullmatch(str(digest))]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time: who lists a component before it looks for it finds it, or has it made again."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(os.fdopen(os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600))) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _compile(wasm: Path) -> None:
    command = [sys.executable, "-m", "faasweb.wasmhost.compile", str(wasm), str(wasm.with_suffix(".cwasm"))]
    command += ["--memory", str(COMPILE_MEMORY_MB)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module on our own file
            command, capture_output=True, timeout=COMPILE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(f"Compiling the component took over {COMPILE_TIMEOUT_S} s.") from exc
    if done.returncode == INVALID:
        raise InvalidInput(
            "The component can't run here: it is not a valid one, or needs what this host does not know."
        )
    if done.returncode:
        raise Unavailable("The component could not be compiled to machine code; it will be tried again.")
