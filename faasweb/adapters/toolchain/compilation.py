"""Compiles a source to a component with componentize-py, in a subprocess with limits and without our environment."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faasweb.adapters.toolchain import process, tracebacks
from faasweb.adapters.toolchain.environment import site_packages, toolchain_python
from faasweb.adapters.toolchain.inspection import MISSING_MODULES
from faasweb.adapters.toolchain.packing import unpack
from faasweb.adapters.toolchain.sites import Installed
from faasweb.adapters.toolchain.work import isolated_environment
from faasweb.domain.source import Source
from faasweb.ports import Say

ENTRY = Path(__file__).with_name("guest_entry.py")
FILES = Path(__file__).with_name("guest_files.py")
RUNNER = Path(__file__).with_name("componentize_runner.py")
# The SDK's own name for this interface clashes with another one; without it `from spin_sdk import sqlite` fails.
OPTIONS = ("-q", "-w", "spin-http", "--import-interface-name", "fermyon:spin/sqlite@2.0.0=sqlite", "componentize")
LOG_LINES = 300
NOT_COMPILED = ("requirements.txt", "spin.toml")  # they are about the project, not a part of it


@dataclass(frozen=True, slots=True)
class Compiled:
    """``problem`` is a sentence for the author when there is no component; ``cost`` says what it took."""

    wasm: Path
    problem: str | None
    cost: str


@dataclass(frozen=True, slots=True)
class Compiler:
    """``timeout_s`` and ``memory_mb`` limit one compilation, the user's module-level code included."""

    environment: Path
    timeout_s: float
    memory_mb: int

    def compile(self, source: Source, installed: Installed | None, folder: Path, say: Say) -> Compiled:
        """Use the empty ``folder`` for everything. The caller removes it."""
        self._lay_out(source, installed, folder)
        log = _Log(say)
        finished = process.run(
            self._command(folder),
            folder=folder,
            environment=isolated_environment(folder / "tmp") | {"VIRTUAL_ENV": str(folder / "sdk")},
            timeout_s=self.timeout_s,
            on_line=log.line,
            on_tick=log.tick,
        )
        wasm = folder / "app.wasm"
        well = finished.status == 0 and wasm.exists() and not finished.timed_out
        cost = f"{finished.seconds:.1f} s, {finished.cpu_seconds:.1f} s of CPU, {finished.peak_mb:.0f} MB of memory"
        return Compiled(wasm, None if well else self._explain(finished, source, installed), cost)

    def _lay_out(self, source: Source, installed: Installed | None, folder: Path) -> None:
        """User code can write to the folders it is built from: it gets copies, never the environment itself."""
        (folder / "app").mkdir()
        if installed is not None:
            unpack(installed.archive, folder / "app" / ".site")
        for path, content in {**{path: text.encode() for path, text in source.files.items()}, **source.data}.items():
            if path not in NOT_COMPILED:
                target = folder / "app" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        (folder / "tmp").mkdir()
        (folder / "entry").mkdir()
        shutil.copy(ENTRY, folder / "entry" / "faasweb_entry.py")
        shutil.copy(FILES, folder / "entry" / "faasweb_files.py")
        (folder / "entry" / "faasweb_module.py").write_text(f"MODULE = {source.module!r}\n")
        sdk = folder / "sdk" / "lib" / "python3.12" / "site-packages" / "spin_sdk"
        shutil.copytree(site_packages(self.environment) / "spin_sdk", sdk, ignore=shutil.ignore_patterns("__pycache__"))

    def _command(self, folder: Path) -> list[str]:
        """VIRTUAL_ENV names the copy of the SDK; without it componentize-py would add this machine's own packages."""
        python = str(toolchain_python(self.environment))
        runner = [python, "-IB", str(RUNNER), str(self.memory_mb), str(os.getpid())]
        return [*runner, *OPTIONS, "faasweb_entry", "-p", "app", "-p", "entry", "-o", str(folder / "app.wasm")]

    def _explain(self, finished: process.Finished, source: Source, installed: Installed | None) -> str:
        if finished.timed_out:
            return (
                f"The build took longer than {self.timeout_s:.0f} s. Does the module loop or wait while it is imported?"
            )
        cleaner = tracebacks.Cleaner()
        lines = [line for raw in finished.lines if (line := cleaner.clean(raw)) is not None]
        missing = tracebacks.missing_module(lines)
        if missing and installed and (reason := _package_fails(*missing, installed)):
            return reason
        if explanation := tracebacks.explain(lines, source.files) or tracebacks.explain_trap(finished.lines):
            return explanation
        if finished.status in (-signal.SIGKILL, -signal.SIGABRT):
            return f"The build needed more than {self.memory_mb} MB of memory."
        return f"componentize-py failed: {' '.join(' '.join(lines).split())[-500:] or 'it gave no reason'}"


def _package_fails(module: str, files: Sequence[str], installed: Installed) -> str | None:
    """Why a package can't be imported, when it was one that wanted the missing module."""
    tops = [PurePosixPath(file).parts[1:2] for file in files if file.startswith(".site/")]
    packages = list(dict.fromkeys(installed.modules.get(top.removesuffix(".py"), top) for (top,) in tops))
    if not packages or not files[-1].startswith(".site/"):
        return None
    wanting = packages[-1] if len(packages) == 1 else f"{packages[-1]}, which it needs,"
    if module.removeprefix("_").partition(".")[0] in MISSING_MODULES:
        return (
            f"The package {packages[0]} can't be used in a function: {wanting} imports Python's module "
            f"{module.removeprefix('_')}, which WebAssembly builds don't have."
        )
    return f"{packages[-1]} imports {module}, which is not installed: if it is a package, add it to requirements.txt."


class _Log:
    """Passes on the tool's lines while they come, but not without end."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._cleaner = tracebacks.Cleaner()
        self._said = 0

    def line(self, raw: str) -> None:
        line = self._cleaner.clean(raw)
        if not line:
            return
        self._said += 1
        if self._said <= LOG_LINES:
            self._say("build", line)
        elif self._said == LOG_LINES + 1:
            self._say("build", f"More than {LOG_LINES} lines: the rest is left out.")

    def tick(self, seconds: float) -> None:
        self._say("build", f"Still compiling ({seconds:.0f} s).")
