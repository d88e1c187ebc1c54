"""A warm jedi: what could be typed at a place of a project. Run by the toolchain's interpreter.

Request ``{"files", "path", "line", "column", "packages", "limit"}``, counted from 1; answer ``{"items": [...]}`` or
``{"error": name}``. Arguments: the folder to work in (removed at the end), the folder with the SDK alone and the folder
of parsed modules to start from. Nothing of the project is imported or run. Ends when nobody asks for a while.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import sys
import sysconfig
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jedi  # type: ignore[import-not-found,unused-ignore]
from jedi.api.environment import InterpreterEnvironment  # type: ignore[import-not-found,unused-ignore]
from jedi.inference import imports  # type: ignore[import-not-found,unused-ignore]

MEMORY_LIMIT = 1_000 << 20
TICK_S = 30.0
IDLE_S = 900.0
GUEST_PYTHON = (3, 12, 1)
READING = ("open", "os.listdir", "os.scandir")
BARRED = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "socket.connect", "ctypes.dlopen")
PARSED = "parsed"
DETAIL_LENGTH = 90
DETAILED = 20  # signatures cost time
WARM_UP = """
import json, os
from spin_sdk import http, key_value, sqlite, variables
class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: http.Request) -> http.Response:
        request.headers.get("a")
        http.
"""


def main(work: Path, sdk: Path, seed: Path) -> None:
    """Answer requests until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints must not disturb the answers
    os.chdir(work)
    parent = os.getppid()
    if seed.is_dir():
        shutil.copytree(seed, work / PARSED)
    completer = Completer(work, sdk)
    try:
        completer.warm_up(seed)
        keep_inside(completer.readable)
        while wait_for_request(parent, work) and (line := sys.stdin.buffer.readline()):
            answers.write(json.dumps(completer.answer(json.loads(line))) + "\n")
            answers.flush()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def wait_for_request(parent: int, work: Path) -> bool:
    """True when there is something to read. The touch tells a sweeper that this folder is in use."""
    until = time.monotonic() + IDLE_S
    while os.getppid() == parent and time.monotonic() < until:
        work.touch()
        if select.select([sys.stdin], [], [], TICK_S)[0]:
            return True
    return False


class Completer:
    """Sees the standard library, the SDK, a project's own files and its packages, and nothing else of this machine."""

    def __init__(self, work: Path, sdk: Path) -> None:
        jedi.settings.cache_directory = str(work / PARSED)
        jedi.settings.auto_import_modules = []  # would really be imported
        # What a text adds to sys.path would be followed.
        imports.sys_path.check_sys_path_modifications = lambda module_context: []
        self._project = work / "project"
        self._library = [str(sdk), *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))]
        self._library += [path for path in sys.path if path.endswith("lib-dynload")]
        self._environment = InterpreterEnvironment()
        self._environment.version_info = type(self._environment.version_info)(*GUEST_PYTHON)
        own = Path(jedi.__file__).parents[1]
        seen = [str(work), *self._library, str(own / "jedi"), str(own / "spin_sdk")]
        self.readable = set(map(os.path.realpath, seen))

    def warm_up(self, seed: Path) -> None:
        """Read what almost every function uses, and leave it for the next worker of this machine."""
        files = {"app.py": WARM_UP}
        self.answer({"files": files, "path": "app.py", "line": 7, "column": 14, "packages": "", "limit": 50})
        if not seed.is_dir():
            unfinished = seed.with_name(f"{seed.name}-{os.getpid()}")
            shutil.copytree(jedi.settings.cache_directory, unfinished)
            try:
                unfinished.rename(seed)
            except OSError:
                shutil.rmtree(unfinished, ignore_errors=True)  # another worker was faster

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._lay_out(request["files"])
            return {"items": list(self._items(request))}
        except Exception as exc:  # jedi fails in every way on code that is being typed; the next request is another one
            return {"error": type(exc).__name__}

    def _lay_out(self, files: dict[str, str]) -> None:
        shutil.rmtree(self._project, ignore_errors=True)
        for path, text in files.items():
            if path.endswith(".py"):  # above all no compiled module, which would be loaded
                target = self._project / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")

    def _items(self, request: dict[str, Any]) -> Iterator[dict[str, str]]:
        own = [str(self._project), *([request["packages"]] if request["packages"] else [])]
        self.readable.update(map(os.path.realpath, own))
        project = jedi.Project(self._project, sys_path=self._library, added_sys_path=own, smart_sys_path=False)
        script = jedi.Script(
            request["files"][request["path"]],
            path=self._project / request["path"],
            project=project,
            environment=self._environment,
        )
        found = filter(_useful, script.complete(request["line"], request["column"] - 1))
        for number, item in enumerate(islice(found, request["limit"])):
            name, kind = item.name_with_symbols, item.type
            yield {"label": name, "kind": kind, "detail": _detail(item) if number < DETAILED else "", "insert": name}


def _useful(item: Any) -> bool:
    """Names that Python itself gives to everything are for those who begin to type them; files can't be opened."""
    hidden = item.name.startswith("__") and item.get_completion_prefix_length() == 0
    return not hidden and item.type != "path"


def _detail(item: Any) -> str:
    """``(request: Request) -> Response`` for what can be called."""
    if item.type not in ("function", "class"):
        return ""
    signatures = item.get_signatures()
    text = signatures[0].to_string().removeprefix(item.name) if signatures else ""
    return text if len(text) <= DETAIL_LENGTH else f"{text[:DETAIL_LENGTH]}…"


def keep_inside(folders: set[str]) -> None:
    """From here on, nothing outside these can be read and no program can be started, whatever jedi is led to."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in BARRED:
            raise PermissionError(event)
        if event in READING and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not any(path == folder or path.startswith(f"{folder}/") for folder in folders):
                raise PermissionError(event)

    sys.addaudithook(hook)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
