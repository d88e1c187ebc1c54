"""Installs packages from wheels into a folder, with uv, in a subprocess with limits and without our environment.

Nothing of a package runs: wheels are only unpacked, and what would have to be built first is refused.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from faasweb.adapters.toolchain import process
from faasweb.adapters.toolchain.environment import toolchain_python
from faasweb.adapters.toolchain.packing import Unusable
from faasweb.adapters.toolchain.requirements import normal_name
from faasweb.adapters.toolchain.work import isolated_environment
from faasweb.domain.errors import TimedOut, Unavailable
from faasweb.ports import Say

RUNNER = Path(__file__).with_name("installer_runner.py")
PHASE = "packages"
MEMORY_MB = 1500
DISK_LIMIT = 400 << 20  # bytes unpacked at a time
TICK_S = 0.5
# A platform that no compiled wheel is made for, with the markers of WebAssembly: only pure ones fit.
GUEST = ("--python-version", "3.12", "--python-platform", "wasm32-pyodide2024", "--no-build")
QUIET = ("--no-config", "--no-progress", "--color", "never", "--no-python-downloads")
NO_WHEEL = "has no pure-Python wheel; it needs compiled code, which WebAssembly builds can't use"

UNWANTED = re.compile(r"^(Using CPython|Downloading|\s*Downloaded|warning:|hint:|\s*$)")
UNREACHABLE = re.compile(r"Failed to (fetch|download|query)|error sending request|Could not connect|timed out", re.I)
WITHOUT_WHEEL = re.compile(
    r"Wheels are required for `([\w.-]+)`|\b([\w.-]+)\S* ha(?:s|ve) no (?:usable wheels|wheels with)"
)
PACKAGE = r"([a-z0-9][a-z0-9._-]*)(?:[\[{<>=!]\S*)?"
DEPENDS = re.compile(rf"{PACKAGE} depends? on {PACKAGE}")
UNKNOWN = re.compile(r"Because ([\w.-]+) was not found in the (?:package registry|provided package locations)")
NO_VERSION = re.compile(r"there (?:is|are) no versions? of ([^\s,]+)")
CREDENTIALS = re.compile(r"//[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """Where packages come from, as the operator says.

    ``url`` of an index (empty: PyPI), or ``wheels``, a folder: then nothing else is asked. ``network`` has the
    variables of proxies and certificates; nothing else of our environment reaches the installer.
    """

    url: str = ""
    wheels: Path | None = None
    network: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Differs when other packages may come under the same names."""
        return f"{CREDENTIALS.sub('//', self.url)} {self.wheels or ''}"


@dataclass(frozen=True, slots=True)
class Installer:
    """``downloads`` is kept between installations. One installation at a time may use it."""

    environment: Path
    downloads: Path
    index: PackageIndex

    def install(self, wanted: Sequence[str], folder: Path, timeout_s: float, say: Say) -> Path:
        """Install into a folder below ``folder``, and give that one.

        Raises Unusable when the packages can't be had, TimedOut, and Unavailable when the index does not answer.
        """
        target = folder / "packages"
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in wanted))
        for leftover in self.downloads.glob(".tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
        watch = _Watch(folder, self.downloads, say)
        finished = process.run(
            self._command(folder, target),
            folder=folder,
            environment=self._environment(folder),
            timeout_s=timeout_s,
            on_line=watch.line,
            on_tick=watch.tick,
            tick_s=TICK_S,
        )
        if finished.timed_out:
            raise TimedOut(f"The packages were not installed within {timeout_s:.0f} s.")
        if finished.status != 0:
            raise _reason(finished.lines, wanted)
        target.mkdir(exist_ok=True)  # nothing was wanted after all: every marker said no
        return target

    def _command(self, folder: Path, target: Path) -> list[str]:
        python = str(toolchain_python(self.environment))
        uv = str(toolchain_python(self.environment).with_name("uv"))
        runner = [python, "-IB", str(RUNNER), str(MEMORY_MB), str(os.getpid())]
        where = ["--no-index", "--find-links", str(self.index.wheels)] if self.index.wheels else []
        cache = ["--cache-dir", str(self.downloads), "--link-mode", "copy", "--system-certs"]
        files = ["--python", python, "--target", str(target), "-r", str(folder / "requirements.txt")]
        return [*runner, uv, "pip", "install", *QUIET, *GUEST, *where, *cache, *files]

    def _environment(self, folder: Path) -> dict[str, str]:
        """The index is no argument: its address may hold a password, and arguments can be seen."""
        index = {"UV_DEFAULT_INDEX": self.index.url} if self.index.url else {}
        return isolated_environment(folder) | dict(self.index.network) | index


class _Watch:
    """Passes on the installer's lines, and ends it when it fills the disk."""

    def __init__(self, target: Path, downloads: Path, say: Say) -> None:
        self._target = target
        self._downloads = downloads
        self._say = say
        self._failing = False

    def line(self, line: str) -> None:
        self._failing = self._failing or line.startswith("error:")
        if not self._failing and not UNWANTED.match(line):
            self._say(PHASE, CREDENTIALS.sub("//", line.strip()))

    def tick(self, seconds: float) -> None:
        unpacked = sum(_size(folder) for folder in [self._target, *self._downloads.glob(".tmp*")])
        if unpacked > DISK_LIMIT:
            raise Unusable(f"the packages take more than {DISK_LIMIT >> 20} MB of disk")
        if seconds % 5 < TICK_S:
            self._say(PHASE, f"Still installing packages ({seconds:.0f} s).")


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total


def _reason(lines: Sequence[str], wanted: Sequence[str]) -> Unusable | Unavailable:
    """The installer's proof in one sentence."""
    text = CREDENTIALS.sub("//", " ".join(" ".join(lines).split()))
    if UNREACHABLE.search(text):
        return Unavailable("The package index can't be reached, so the packages can't be installed now.")
    if names := UNKNOWN.findall(text):
        return Unusable(f"there is no package {_spelled(names[0], wanted)} in the package index")
    if culprits := _without_wheel(text, wanted):
        return Unusable("; ".join(culprits))
    if versions := NO_VERSION.findall(text):
        return Unusable(f"there is no version {versions[0]} in the package index that functions could use")
    told = text.partition("error: ")[2].removeprefix("No solution found when resolving dependencies cause: ") or text
    return Unusable(told[-600:] or "the installer gave no reason")


def _without_wheel(text: str, wanted: Sequence[str]) -> list[str]:
    """A sentence for each package without a wheel, but for those that only need such a one."""
    names = dict.fromkeys(first or second for first, second in WITHOUT_WHEEL.findall(text))
    needs = {(user, used) for user, used in DEPENDS.findall(text) if used in names and user != used}
    at_fault = [name for name in names if name not in {user for user, _ in needs}] or list(names)
    sentences = []
    for name in at_fault:
        users = sorted({_spelled(user, wanted) for user, used in needs if used == name})
        needed = f" (needed by {', '.join(users)})" if users else ""
        sentences.append(f"{_spelled(name, wanted)}{needed} {NO_WHEEL}")
    return sentences


def _spelled(name: str, wanted: Sequence[str]) -> str:
    """As the author writes it."""
    written = {normal_name(found[0]): found[0] for line in wanted if (found := re.match(r"[\w.-]+", line))}
    return written.get(normal_name(name), name)
