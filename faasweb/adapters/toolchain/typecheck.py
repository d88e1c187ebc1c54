"""Type checks a source and decides what ends a build and what is advice."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from faasweb.adapters.toolchain.inspection import Inspection, inspections, main_file
from faasweb.adapters.toolchain.json_worker import WorkerCrashed
from faasweb.adapters.toolchain.mypy_process import MypyProcess
from faasweb.domain.builds import Diagnostic
from faasweb.domain.errors import TimedOut
from faasweb.domain.source import Source

# What only a strict reader asks for: annotations, and what follows from their absence.
ADVICE = frozenset(
    """
    no-untyped-def no-untyped-call no-any-return no-any-unimported type-arg var-annotated untyped-decorator
    unused-ignore redundant-cast comparison-overlap annotation-unchecked unreachable deprecated
    """.split()  # noqa: SIM905
)
UNKNOWN = frozenset({"no-any-return", "no-any-unimported"})  # follows from packages that are not there yet
# Inside a function without annotations mypy guesses types; only these are certain there.
CERTAIN = frozenset(
    """
    syntax import-not-found import-untyped name-defined attr-defined call-arg used-before-def
    """.split()  # noqa: SIM905
)
OPTIONAL_BODY = re.compile(r'Item "None" of "bytes \| None"|type "bytes \| None"; expected "[^"]*\bbytes\b')
AVAILABLE = "functions have the standard library, spin_sdk, their own files and what requirements.txt names"
REPORTED = 100  # diagnostics at most: nobody reads more, and stores are not for them
TOO_LONG = "The type check took too long (20 s): is there a very large or deeply nested expression?"
TOO_MUCH = "The type checker gave up on this code: is there a very large or deeply nested expression?"


@dataclass(frozen=True, slots=True)
class Packages:
    """What requirements.txt brings: the folder with the packages, and the modules in them.

    Without a folder they are still to be installed when ``wanted``: what they will bring can't be told yet.
    """

    folder: Path | None = None
    modules: Container[str] = ()
    wanted: bool = False

    @property
    def waited_for(self) -> bool:
        return self.wanted and self.folder is None

    def explain(self, code: str, message: str) -> str | None:
        """Why an import error is no reason to stop; None when it is one."""
        name = _not_found(code, message)
        if name is None:
            return None
        if self.waited_for:
            return f'Module "{name}" is not checked yet: Run or Deploy installs the packages of requirements.txt'
        if code == "import-untyped" and name.partition(".")[0] in self.modules:
            return f'Module "{name}" says nothing about its types: how it is used is not checked'
        return None


NO_PACKAGES = Packages()


class TypeChecker:
    """mypy in strict mode, plus what mypy cannot know about functions."""

    def __init__(self, mypy: MypyProcess) -> None:
        self._mypy = mypy

    def check(self, source: Source, packages: Packages = NO_PACKAGES) -> list[Diagnostic]:
        """All findings, the blocking ones first. Raises Unavailable when mypy can't be run."""
        main = main_file(source)
        if main not in source.files:
            return [
                Diagnostic(main, 1, 1, f"There is no file {main} for the module {source.module}.", "missing-module")
            ]
        read = inspections(source)
        try:
            found = list(judged(self._mypy.run(source.files, packages.folder), read, packages))
        except TimedOut:
            return [Diagnostic(main, 1, 1, TOO_LONG, "too-long")]
        except WorkerCrashed:
            return [Diagnostic(main, 1, 1, TOO_MUCH, "too-much")]
        if not any(item.code == "syntax" for item in found):
            found += [item for each in read.values() for item in each.guest_imports()]
            problem = read[main].handler_problem(source.files)
            found += [problem] if problem else []
        found.sort(key=lambda item: (not item.blocking, item.file, item.line, item.column))
        return found[:REPORTED]


def judged(output: str, read: Mapping[str, Inspection], packages: Packages = NO_PACKAGES) -> Iterator[Diagnostic]:
    """mypy's JSON lines as diagnostics. Notes are left out; a line that is no JSON is mypy refusing the project."""
    unannotated = {path: inspection.unannotated_lines() for path, inspection in read.items()}
    for line in output.splitlines():
        try:
            item = json.loads(line)
        except ValueError:
            yield _refusal(line, read)
            continue
        if item["severity"] == "error" and not (packages.waited_for and item["code"] in UNKNOWN):
            guessed = item["line"] in unannotated.get(item["file"], ())
            lines = read[item["file"]].text.split("\n") if item["file"] in read else []
            yield _diagnostic(item, guessed, lines, packages)


def _diagnostic(item: Mapping[str, Any], guessed: bool, lines: Sequence[str], packages: Packages) -> Diagnostic:
    code, message = str(item["code"] or ""), str(item["message"])
    certain = not guessed or code in CERTAIN
    first = int(code != "syntax")  # mypy counts the columns of those from 1, others from 0
    line, end_line = max(1, int(item["line"])), int(item.get("end_line") or 0)
    return Diagnostic(
        file=str(item["file"]),
        line=line,
        column=max(1, _column(lines, line, int(item["column"])) + first),
        message=_plain(code, message, packages),
        code=code,
        blocking=certain and not (_is_advice(code, message) or packages.explain(code, message)),
        end_line=max(0, end_line),
        end_column=max(0, _column(lines, end_line, int(item.get("end_column") or -1)) + first),
    )


def _column(lines: Sequence[str], line: int, column: int) -> int:
    """mypy's native parser takes a column of characters for one of bytes and makes it smaller; this undoes that."""
    if column < 0 or not 0 < line <= len(lines) or lines[line - 1].isascii():
        return column
    return len(lines[line - 1][:column].encode())


def _is_advice(code: str, message: str) -> bool:
    shadows_the_sdk = code in ("no-redef", "misc") and "IncomingHandler" in message
    reexport = code == "attr-defined" and "explicitly export" in message
    subclass_of_any = code == "misc" and 'has type "Any"' in message
    # The SDK declares a body optional, but that of an incoming request is always there.
    optional_body = code in ("union-attr", "arg-type") and OPTIONAL_BODY.search(message) is not None
    return code in ADVICE or shadows_the_sdk or reexport or subclass_of_any or optional_body


def _plain(code: str, message: str, packages: Packages) -> str:
    """mypy advises to install stubs where the package itself is what is missing."""
    if name := _not_found(code, message):
        return packages.explain(code, message) or f'Cannot find module "{name}": {AVAILABLE}'
    return message


def _not_found(code: str, message: str) -> str | None:
    """The module that an import error is about."""
    return message.split('"')[1] if code in ("import-untyped", "import-not-found") and '"' in message else None


def _refusal(line: str, read: Mapping[str, Inspection]) -> Diagnostic:
    """For example two files for one module. Such lines begin with ``path: error:`` at most."""
    path, _, message = line.partition(": error: ")
    known = path.split(":")[0] in read
    file = path.split(":")[0] if known else next(iter(read))
    return Diagnostic(file, 1, 1, message or PurePath(line).name, "project")
