"""Advice of ruff by rules of ours: likely mistakes, never matters of taste. It never ends a build."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from faasweb.adapters.toolchain.work import isolated_environment, work_folder
from faasweb.domain.builds import Diagnostic
from faasweb.domain.source import Source

log = logging.getLogger(__name__)

LINT_TIMEOUT_S = 5.0
MEMORY_KB = 1 << 20
OUTPUT_BLOCKS = 16 << 11  # of 512 bytes
SELECTED = "E7,F,W605,B,PLE"
# Taste, what mypy says too, and what only matters to libraries.
IGNORED = "E701,E702,E703,E731,E741,F403,F405,F821,F822,F823,B008,B009,B010,B011,B024,B027,B028,B904,B905,B911"
OPTIONS = (
    "check",
    "--isolated",  # a configuration in the project would choose other rules
    "--no-cache",
    "--no-respect-gitignore",
    "--quiet",
    "--exit-zero",
    "--target-version=py312",
    "--output-format=json",
    f"--select={SELECTED}",
    f"--ignore={IGNORED}",
)
LIMITED = f'ulimit -d {MEMORY_KB} -f {OUTPUT_BLOCKS}; exec "$@"'


class Linter:
    """``python`` is the toolchain's interpreter, with ruff beside it."""

    def __init__(self, python: Path, cache: Path, *, timeout_s: float = LINT_TIMEOUT_S) -> None:
        self._ruff = python.with_name("ruff")
        self._cache = cache
        self._timeout_s = timeout_s

    def advice(self, source: Source) -> list[Diagnostic]:
        """Nothing when ruff fails: advice is a comfort, and a line in our log tells the reason."""
        with tempfile.TemporaryDirectory(prefix="lint-", dir=work_folder(self._cache)) as folder:
            try:
                return list(_read(self._run(source, Path(folder))))
            except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as exc:
                log.warning("no advice from ruff: %s", exc)
                return []

    def _run(self, source: Source, folder: Path) -> str:
        project = folder / "project"
        project.mkdir()
        for path, text in source.files.items():
            if path.endswith(".py"):
                target = project / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        answer = folder / "ruff.json"
        subprocess.run(  # noqa: S603 - our own command line
            ["/bin/sh", "-c", LIMITED, "ruff", str(self._ruff), *OPTIONS, f"--output-file={answer}", "."],
            cwd=project,
            env=isolated_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=self._timeout_s,
            check=True,
        )
        return answer.read_text(encoding="utf-8").replace(f"{project.resolve()}/", "")


def _read(output: str) -> Iterator[Diagnostic]:
    for item in json.loads(output):
        begin, end = item["location"], item["end_location"]
        if item["code"] and item["code"] != "invalid-syntax":  # syntax is mypy's
            yield Diagnostic(
                file=_name(item),
                line=int(begin["row"]),
                column=int(begin["column"]),
                message=str(item["message"]),
                code=str(item["code"]),
                blocking=False,
                end_line=int(end["row"]),
                end_column=int(end["column"]),
            )


def _name(item: Mapping[str, Any]) -> str:
    name = str(item["filename"])
    with contextlib.suppress(ValueError):
        return Path(name).relative_to("/").name  # never a path of the server
    return name


def with_advice(found: Sequence[Diagnostic], advice: Sequence[Diagnostic], most: int) -> list[Diagnostic]:
    """Both, at most that many, the blocking ones first. Where mypy says something about a line, ruff is silent."""
    said = {(item.file, item.line) for item in found}
    every = [*found, *(item for item in advice if (item.file, item.line) not in said)]
    every.sort(key=lambda item: (not item.blocking, item.file, item.line, item.column))
    return every[:most]
