"""What the text of a module says without running it: the handler, imports the guest lacks, unannotated functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from faasweb.domain.builds import Diagnostic
from faasweb.domain.source import Source

# Standard library modules that the guest's Python 3.12 cannot import, and what to do instead.
INSTEAD = {
    "sqlite3": "use `from spin_sdk import sqlite`",
    "ssl": "call https addresses with `http.send` of the SDK: the host speaks TLS",
    "gzip": "there is no zlib either; send and store data uncompressed",
    "zlib": "send and store data uncompressed",
}
MISSING_MODULES = frozenset(INSTEAD) | frozenset(
    """
    bz2 ctypes curses fcntl grp lzma mmap msilib msvcrt nis ossaudiodev pty pwd readline resource spwd syslog
    termios tkinter tty turtle winreg winsound
    """.split()  # noqa: SIM905
)
NO_HANDLER = (
    "This module has no class IncomingHandler. Write: from spin_sdk import http, then "
    "class IncomingHandler(http.IncomingHandler) with a method "
    "handle_request(self, request: http.Request) -> http.Response."
)
NO_METHOD = "IncomingHandler has no method handle_request(self, request): requests would have no answer."
SDK_HANDLERS = ("http.IncomingHandler", "IncomingHandler", "spin_sdk.http.IncomingHandler")

Statement = ast.stmt
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Inspection:
    """One Python file. ``tree`` is None when this Python can't parse it: then mypy alone has the word."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        try:
            self.tree: ast.Module | None = ast.parse(text, feature_version=(3, 12))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.tree = None

    def guest_imports(self) -> Iterator[Diagnostic]:
        """Imports that type check but fail in a function. Below ``try`` they are the author's own care."""
        for node, in_function in _imports(self.tree.body if self.tree else []):
            for name in _imported_names(node):
                if name in MISSING_MODULES:
                    advice = INSTEAD.get(name, "it is not part of Python in WebAssembly")
                    yield Diagnostic(
                        file=self.path,
                        line=node.lineno,
                        column=node.col_offset + 1,
                        message=f'Module "{name}" can\'t be imported in a function: {advice}',
                        code="guest-import",
                        blocking=not in_function,
                    )

    def unannotated_lines(self) -> set[int]:
        """Lines inside functions without any annotation, which mypy by itself would not check."""
        lines: set[int] = set()
        for node in ast.walk(self.tree) if self.tree else ():
            if isinstance(node, Function) and not _annotated(node):
                lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return lines

    def handler_problem(self, project: Mapping[str, str]) -> Diagnostic | None:
        """Why the module would not answer requests, if so."""
        if self.tree is None:
            found = re.search(r"^(class IncomingHandler\b|(async )?def init_incoming_handler\b)", self.text, re.M)
            return None if found else self._blocking(1, NO_HANDLER, "missing-handler")
        names = _top_level(self.tree.body, project)
        handler = names.get("IncomingHandler")
        if handler is None:
            legacy = "init_incoming_handler" in names
            return None if legacy else self._blocking(1, NO_HANDLER, "missing-handler")
        if isinstance(handler, ast.ClassDef) and _answers_nothing(handler):
            return self._blocking(handler.lineno, NO_METHOD, "missing-handler")
        return None

    def _blocking(self, line: int, message: str, code: str) -> Diagnostic:
        return Diagnostic(self.path, line, 1, message, code)


def inspections(source: Source) -> dict[str, Inspection]:
    """All Python files of a project by path."""
    return {path: Inspection(path, text) for path, text in source.files.items() if path.endswith(".py")}


def main_file(source: Source) -> str:
    """The path of the module that holds the handler: ``app.py`` or ``app/__init__.py``."""
    path = source.module.replace(".", "/")
    package = f"{path}/__init__.py"
    return package if package in source.files else f"{path}.py"


def _imports(
    body: Sequence[Statement], in_function: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, in_function
        elif not isinstance(node, ast.Try | ast.TryStar):
            inner = in_function or isinstance(node, Function)
            for block in _blocks(node):
                yield from _imports(block, inner)


def _blocks(node: Statement) -> Iterator[list[Statement]]:
    """The statement lists of a compound statement; not those that only a type checker reads."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        yield node.orelse
        return
    for field in ("body", "orelse", "finalbody"):
        yield getattr(node, field, [])
    for case in getattr(node, "cases", []):
        yield case.body


def _imported_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return [node.module.partition(".")[0]] if node.module and not node.level else []


def _annotated(function: Function) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return function.returns is not None or any(argument and argument.annotation for argument in every)


def _top_level(body: Sequence[Statement], project: Mapping[str, str]) -> dict[str, Statement]:
    """Names a module defines itself or takes from the project's other files, also below ``if`` and ``try``."""
    names: dict[str, Statement] = {}
    for node in body:
        if isinstance(node, ast.ClassDef | Function):
            names[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update({target.id: node for target in targets if isinstance(target, ast.Name)})
        elif isinstance(node, ast.ImportFrom) and _is_own(node, project):
            names.update({alias.asname or alias.name: node for alias in node.names})
        else:
            for block in [*_blocks(node), *(handler.body for handler in getattr(node, "handlers", []))]:
                names.update(_top_level(block, project))
    return names


def _is_own(node: ast.ImportFrom, project: Mapping[str, str]) -> bool:
    if node.level:
        return True
    path = (node.module or "").replace(".", "/")
    return f"{path}.py" in project or f"{path}/__init__.py" in project


def _answers_nothing(handler: ast.ClassDef) -> bool:
    """Only a class that derives from nothing but the SDK's can be judged by its own body."""
    if any(ast.unparse(base) not in SDK_HANDLERS for base in handler.bases):
        return False
    defined = _top_level(handler.body, {})
    return not {"handle_request", "handle"} & set(defined)
