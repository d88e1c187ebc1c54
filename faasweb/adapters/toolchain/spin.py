"""The toolchain of Spin: mypy, then componentize-py with the Spin SDK. Results are kept in the machine's cache."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from faasweb.adapters.toolchain.cache import SIZE_LIMIT, BuildCache
from faasweb.adapters.toolchain.compilation import ENTRY, FILES, OPTIONS, Compiler
from faasweb.adapters.toolchain.completion import Completer
from faasweb.adapters.toolchain.environment import (
    INSTALLER,
    REQUIREMENTS,
    environment_path,
    is_ready,
    tool_versions,
    toolchain_python,
)
from faasweb.adapters.toolchain.installation import Installer, PackageIndex
from faasweb.adapters.toolchain.lint import Linter, with_advice
from faasweb.adapters.toolchain.mypy_process import MypyProcess
from faasweb.adapters.toolchain.requirements import FILE
from faasweb.adapters.toolchain.sites import FAILED, Installed, Sites
from faasweb.adapters.toolchain.typecheck import REPORTED, Packages, TypeChecker
from faasweb.adapters.toolchain.work import sweep, work_folder
from faasweb.domain.errors import InvalidInput, TimedOut, Unavailable
from faasweb.domain.source import Source
from faasweb.ports import BuildFailure, Check, Completion, Component, Say, Site

BUILD_TIMEOUT_S = 300.0
MEMORY_MB = 1500
INSTALL_TIMEOUT_S = 300.0
PYPI = PackageIndex()
LOCK_WAIT_S = 100.0  # with a whole build after it still less than a worker's time limit
NOT_READY = "The toolchain is still being installed. It is prepared when faasweb starts (or by `manage.py prepare`)."


class SpinToolchain:
    """Adapter of ``Toolchain`` and ``Assistant``. Nothing is kept but in ``cache``, the machine's cache folder."""

    def __init__(
        self,
        cache: Path,
        *,
        requirements: Path = REQUIREMENTS,
        timeout_s: float = BUILD_TIMEOUT_S,
        memory_mb: int = MEMORY_MB,
        cache_bytes: int = SIZE_LIMIT,
        index: PackageIndex = PYPI,
    ) -> None:
        self._cache = cache
        self._environment = environment_path(cache, requirements)
        self._mypy = MypyProcess(toolchain_python(self._environment), cache)
        self._checker = TypeChecker(self._mypy)
        self._linter = Linter(toolchain_python(self._environment), cache)
        self._completer = Completer(self._environment, toolchain_python(self._environment), cache)
        self._compiler = Compiler(self._environment, timeout_s, memory_mb)
        self._sites = Sites(
            cache,
            Installer(self._environment, cache / "downloads", index),
            tool_versions(requirements, INSTALLER),
        )
        self._builds = BuildCache(cache, cache_bytes)
        self._wait_s = min(timeout_s, LOCK_WAIT_S)
        self.versions = f"{tool_versions(requirements)}, recipe {_recipe()}"

    def ready(self) -> str | None:
        return None if is_ready(self._environment) else NOT_READY

    def close(self) -> None:
        """End what is kept warm. It starts again when it is needed."""
        self._mypy.close()
        self._completer.close()

    def check(self, source: Source) -> Check:
        self._require_ready()
        _require_inside(source)
        return self._check(source, self._sites.find(source))

    def _check(self, source: Source, installed: Installed | None) -> Check:
        packages = Packages(wanted=FILE in source.files)
        if installed is not None:
            packages = Packages(installed.packages, installed.modules)
        return Check(with_advice(self._checker.check(source, packages), self._linter.advice(source), REPORTED))

    def dependencies(
        self, source: Source, say: Say, patience_s: float = INSTALL_TIMEOUT_S
    ) -> Site | BuildFailure | None:
        self._require_ready()
        installed = self._sites.provide(source, patience_s, say)
        return Site(installed.digest, installed.versions) if isinstance(installed, Installed) else installed

    def complete(self, source: Source, path: str, line: int, column: int) -> Sequence[Completion]:
        self._require_ready()
        _require_inside(source)
        installed = self._sites.find(source)
        return self._completer.complete(source, path, line, column, installed.packages if installed else None)

    def build(self, source: Source, say: Say) -> Component | BuildFailure:
        """Phases are ``packages``, ``check`` and ``build``. A source that was built before is not built again."""
        self._require_ready()
        _require_inside(source)
        try:
            installed = self._sites.provide(source, INSTALL_TIMEOUT_S, say)
        except TimedOut as exc:
            return BuildFailure(f"{FAILED} {exc.message}")
        if isinstance(installed, BuildFailure):
            return installed
        packages = installed.digest if installed else ""
        key = hashlib.sha256(f"{source.hash}\n{source.module}\n{packages}\n{self.versions}".encode()).hexdigest()
        with self._builds.only_one(key, self._wait_s):
            if component := self._builds.get(key):
                say("build", f"This source was built before: its component is used again ({_mb(component)}).")
                return component
            return self._checked(source, installed, say) or self._compiled(source, installed, key, say)

    def _checked(self, source: Source, installed: Installed | None, say: Say) -> BuildFailure | None:
        started = time.monotonic()
        check = self._check(source, installed)
        for item in check.diagnostics:
            say("check", str(item) if item.blocking else str(item).replace(": error: ", ": advice: ", 1))
        took = f"{time.monotonic() - started:.1f} s"
        if check.blocking:
            say("check", f"Not built: {len(check.blocking)} to put right first ({took}).")
            report = "\n".join(str(item) for item in check.blocking)
            return BuildFailure(f"MyPy validation failed:\n{report}", check.diagnostics)
        say("check", f"Type check passed ({took}).")
        return None

    def _compiled(self, source: Source, installed: Installed | None, key: str, say: Say) -> Component | BuildFailure:
        sweep(self._cache)
        say("build", "Compiling to WebAssembly.")
        with tempfile.TemporaryDirectory(prefix="build-", dir=work_folder(self._cache)) as folder:
            compiled = self._compiler.compile(source, installed, Path(folder), say)
            if compiled.problem:
                say("build", f"Not built ({compiled.cost}).")
                return BuildFailure(compiled.problem)
            component = self._builds.put(key, compiled.wasm)
        say("build", f"Built: {_mb(component)} ({compiled.cost}).")
        return component

    def _require_ready(self) -> None:
        if reason := self.ready():
            raise Unavailable(reason)


def _require_inside(source: Source) -> None:
    """Files are written by their path: none may lead out of the project."""
    for name in (*source.files, *source.data):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
            raise InvalidInput(f"The path {name!r} leads out of the project.", field="code")


def _recipe() -> str:
    """Changes with everything of ours that ends up in a component."""
    return hashlib.sha256(ENTRY.read_bytes() + FILES.read_bytes() + repr(OPTIONS).encode()).hexdigest()[:8]


def _mb(component: Component) -> str:
    return f"{component.size / 1e6:.1f} MB"
