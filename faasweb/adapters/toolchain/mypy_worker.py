"""A warm mypy: reads one JSON request per line, answers with one JSON line. Run by the toolchain's interpreter.

Request ``{"files": {path: text}, "packages": folder or ""}``, answer ``{"output": str, "errors": str}``: mypy's own
JSON lines and what it said on stderr. Arguments: the folder to work in (removed at the end) and the folder with a
filled cache to start from. Ends when its parent closes the pipe or dies.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import select
import shlex
import shutil
import site
import sys
from pathlib import Path

from mypy import api

MEMORY_LIMIT = 1_500 << 20
TICK_S = 30.0
CACHES = 8  # of 3 MB and more each


def main(work: Path, seed: Path) -> None:
    """Answer requests until nobody can ask any more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints must not disturb the answers
    parent = os.getppid()
    project = work / "project"
    cache_for(work, seed, "")
    try:
        while wait_for_request(parent, work) and (line := sys.stdin.buffer.readline()):
            request = json.loads(line)
            python = interpreter_with(request["packages"], work) if request["packages"] else sys.executable
            answer = check(request["files"], project, cache_for(work, seed, request["packages"]), python)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()
            gc.collect()  # mypy puts collection off, and each check leaves 10 MB of cycles behind
    finally:
        shutil.rmtree(work, ignore_errors=True)


def wait_for_request(parent: int, work: Path) -> bool:
    """True when there is something to read. The touch tells a sweeper that this folder is in use."""
    while os.getppid() == parent:
        work.touch()
        if select.select([sys.stdin], [], [], TICK_S)[0]:
            return True
    return False


def cache_for(work: Path, seed: Path, packages: str) -> Path:
    """One for each set of packages: mypy repeats what it said of a file, though packages came that it missed then."""
    cache = work / (f"cache-{name_of(packages)}" if packages else "cache")
    if not cache.exists():
        for old in sorted(work.glob("cache-*"), key=lambda path: path.stat().st_mtime)[: 1 - CACHES]:
            shutil.rmtree(old, ignore_errors=True)
        if seed.is_dir():
            shutil.copytree(seed, cache)
        else:
            cache.mkdir()
    cache.touch()
    return cache


def name_of(packages: str) -> str:
    return hashlib.sha256(packages.encode()).hexdigest()[:16]


def interpreter_with(packages: str, work: Path) -> str:
    """What mypy asks where packages are: it answers with the SDK's folder and one more, and is no Python at all.

    Only so does mypy take a folder for installed packages, whose own mistakes are nobody's here.
    """
    script = work / f"python-{name_of(packages)}"
    if not script.exists():
        folders = repr(([], [*site.getsitepackages(), packages]))
        script.write_text(f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(folders)}\n")
        script.chmod(0o700)
    return str(script)


def check(files: dict[str, str], project: Path, cache: Path, python: str) -> dict[str, str]:
    """Write the files to an empty folder and check all Python ones."""
    os.chdir("/")
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    for path, text in files.items():
        target = project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    os.chdir(project)
    modules = sorted(path for path in files if path.endswith(".py"))
    output, errors, _ = api.run([*options(cache), f"--python-executable={python}", *modules])
    return {"output": output, "errors": errors}


def options(cache: Path) -> list[str]:
    """An empty configuration file, because one of the user's could name plugins, and those would run here."""
    return [
        "--strict",
        "--python-version=3.12",
        "--platform=linux",
        f"--cache-dir={cache}",
        "--config-file=",
        "--output=json",
        "--show-error-end",
        "--no-error-summary",
        "--explicit-package-bases",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
