"""Components ready to run: loaded, linked, their handler found. Baked ones are kept in an LRU, the base for good."""

import subprocess
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path

from wasmtime import Engine, Store
from wasmtime import component as wasm

from faasweb.wasmhost.base import base_path
from faasweb.wasmhost.compiled import NotLoadable, load_compiled
from faasweb.wasmhost.interfaces.http_types import IncomingRequest, ResponseOutparam
from faasweb.wasmhost.linker import Linkers
from faasweb.wasmhost.live import LiveRelease
from faasweb.wasmhost.native import THREAD, TICK_S, call_with_resources, limit_store, make_pooling_engine
from faasweb.wasmhost.sandbox import Sandbox

HANDLER = "wasi:http/incoming-handler"
MAX_BAKED = 128
COMPILE_MEMORY_MB = 3000
COMPILE_TIMEOUT_S = 300
RETRY_AFTER_S = 30.0


class NotReady(Exception):
    """What a release needs is not there yet; the message says what."""


class Program:
    """One component. ``start`` may be called from many threads at once."""

    def __init__(self, engine: Engine, component: wasm.Component, linker: wasm.Linker) -> None:
        self._engine = engine
        self._component = component
        self._linker = linker
        exports = component.type.exports(engine)
        handler = next((name for name in exports if name.partition("@")[0] == HANDLER), None)
        outer = component.get_export_index(handler) if handler else None
        inner = component.get_export_index("handle", outer) if outer else None
        if inner is None:
            raise NotReady("The component does not export wasi:http/incoming-handler.")
        self._handle = inner

    def run(self, sandbox: Sandbox) -> "Instance":
        """Answer the sandbox's request with a fresh instance. The caller closes what is returned."""
        instance = Instance(Store(self._engine))
        THREAD.guest = sandbox
        try:
            limit_store(instance.store, sandbox.release.memory_mb << 20)
            guest = self._linker.instantiate(instance.store, self._component)
            function = guest.get_func(instance.store, self._handle)
            if function is None:
                raise NotReady("The component's handler is not a function.")
            call_with_resources(instance.store, function, (IncomingRequest(sandbox.request), ResponseOutparam()))
            sandbox.flush()
        except Exception as failure:
            instance.failure = failure
        return instance


class Instance:
    """A guest that has run. Giving its memory back takes a part of a millisecond, so it is a step of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failure: Exception | None = None

    def close(self) -> None:
        self.store.close()
        THREAD.guest = None


class Programs:
    """The programs of one process."""

    def __init__(self, components: Path, cache: Path, max_running: int) -> None:
        self.engine = make_pooling_engine(max_running)
        self._components = components
        self._base_path = base_path(cache)
        self._linkers = Linkers(self.engine)
        self._lock = threading.RLock()
        self._base: Program | None = None
        self._baked: OrderedDict[str, Program] = OrderedDict()
        self._compiler = Compiler()
        self.running = threading.Event()

    def tick_forever(self) -> None:
        """Advance the engine's epoch while anything runs; an idle process does not wake up."""
        while True:
            self.running.wait()
            time.sleep(TICK_S)
            self.engine.increment_epoch()

    def base(self) -> Program:
        """The program of instant mode. Raises NotReady until its file appears."""
        if self._base is None:
            with self._lock:
                self._base = self._base or self._load_base()
        return self._base

    def _load_base(self) -> Program:
        try:
            return self._load(self._base_path)
        except NotLoadable as error:
            if self._base_path.exists():
                raise NotReady(f"The instant base cannot be used: {error}.") from error
            raise NotReady("The instant base is being prepared.") from error

    def program_for(self, release: LiveRelease) -> Program:
        """Raises NotReady."""
        if release.mode == "instant":
            return self.base()
        return self.baked(release.component or "", min(2.0, release.timeout_s))

    def baked(self, digest: str, patience_s: float) -> Program:
        """The program of a component; compiles it in the background when only its .wasm is there."""
        with self._lock:
            program = self._baked.get(digest)
            if program is not None:
                self._baked.move_to_end(digest)
                return program
        return self._remember(digest, self._load_baked(digest, patience_s))

    def _load_baked(self, digest: str, patience_s: float) -> Program:
        target = self._components / f"{digest}.cwasm"
        try:
            return self._load(target)
        except NotLoadable:
            self._compiler.compile(target.with_suffix(".wasm"), target, patience_s)
        try:
            return self._load(target)
        except NotLoadable as error:
            raise NotReady(f"The component cannot be loaded: {error}.") from error

    def _remember(self, digest: str, program: Program) -> Program:
        with self._lock:
            program = self._baked.setdefault(digest, program)
            self._baked.move_to_end(digest)
            while len(self._baked) > MAX_BAKED:
                self._baked.popitem(last=False)
            return program

    def _load(self, path: Path) -> Program:
        component = load_compiled(self.engine, path)
        with self._lock:
            return Program(self.engine, component, self._linkers.linker_for(component))


class Compiler:
    """Compiles missing components, one at a time, each at most once until it failed for a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._done: dict[Path, threading.Event] = {}
        self._failed: dict[Path, tuple[float, str]] = {}

    def compile(self, source: Path, target: Path, patience_s: float) -> None:
        """Start compiling ``source`` and wait a moment for it. Raises NotReady when that is not enough."""
        with self._lock:
            failed_at, reason = self._failed.get(target, (0.0, ""))
            if failed_at and time.monotonic() - failed_at < RETRY_AFTER_S:
                raise NotReady(reason)
            if not source.exists():
                raise NotReady("The function's component is missing: build it again.")
            done = self._done.get(target)
            if done is None:
                done = self._done[target] = threading.Event()
                threading.Thread(target=self._compile, args=(source, target, done), daemon=True).start()
        if not done.wait(patience_s):
            raise NotReady("The function is being compiled for this machine: try again in some seconds.")
        with self._lock:
            if target in self._failed:
                raise NotReady(self._failed[target][1])

    def _compile(self, source: Path, target: Path, done: threading.Event) -> None:
        command = [sys.executable, "-m", "faasweb.wasmhost.compile", str(source), str(target)]
        command += ["--memory", str(COMPILE_MEMORY_MB)]
        try:
            with self._one_at_a_time:
                subprocess.run(  # noqa: S603 - our own module
                    command, check=True, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S
                )
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip()[-500:]
            with self._lock:
                self._failed[target] = (time.monotonic(), f"The component cannot be compiled: {reason}")
        finally:
            with self._lock:
                del self._done[target]
            done.set()
