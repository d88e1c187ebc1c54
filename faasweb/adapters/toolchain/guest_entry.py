"""The guest side of a build: the module that componentize-py is given. It runs inside WebAssembly, on Python 3.12.

This file is not imported by faasweb. It imports the user's module and makes a built function behave as the same code
does in instant mode: files are called ``/app/...`` in tracebacks, what is imported late is imported now, and the rest
is kept in memory, because after the build there are no files left to import or to read.
"""
# mypy: ignore-errors
# The SDK it uses is installed in the toolchain environment only; faasweb_module is written beside it for each build.

import ast
import contextlib
import importlib
import importlib.machinery
import importlib.util
import linecache
import re
import sys
from pathlib import Path

from faasweb_files import APP, MOUNT, SITE, KeptModules, keep_files, open_kept
from faasweb_module import MODULE
from spin_sdk import http

PACKAGES = MOUNT + SITE
# The interpreter and the standard library import these when they first need them.
LATE = """
_strptime email.parser importlib.metadata importlib.readers importlib.resources stringprep encodings.ascii
encodings.cp1252 encodings.idna encodings.latin_1 encodings.punycode encodings.unicode_escape encodings.utf_16
encodings.utf_8_sig
""".split()  # noqa: SIM905

INDENTED_IMPORT = re.compile(rb"^[ \t]+(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.M)


class AppLoader(importlib.machinery.SourceFileLoader):
    """Loads the user's files under the name they have in instant mode, with their lines kept for tracebacks."""

    def source_to_code(self, data, path, *, _optimize=-1):
        name = APP + path.removeprefix(MOUNT)
        text = importlib.util.decode_source(data)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        return super().source_to_code(data, name, _optimize=_optimize)

    def get_data(self, path):
        with open_kept(path, "rb") as file:
            return file.read()


def find_app_in(folder):
    """A path hook for the user's folder and those below it."""
    if folder != MOUNT and not folder.startswith(MOUNT + "/"):
        raise ImportError
    return importlib.machinery.FileFinder(folder, (AppLoader, importlib.machinery.SOURCE_SUFFIXES))


def import_users_module():
    try:
        return importlib.import_module(MODULE)
    except SystemExit as error:  # it would end the build without a word
        raise RuntimeError(f"the module called sys.exit({error.code})").with_traceback(error.__traceback__) from None


def late_imports(folder):
    """Names imported inside functions: all by the user's files, those of the standard library by packages."""
    for file in folder.rglob("*.py"):
        if file.is_relative_to(PACKAGES):
            names = (name.decode() for name in INDENTED_IMPORT.findall(file.read_bytes()))
            yield from (name for name in names if name.partition(".")[0] in sys.stdlib_module_names)
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_if_possible(name):
    with contextlib.suppress(Exception):  # the author's own try decides when it is needed
        importlib.import_module(name)


def handler_class(module):
    """The user's class, or one that calls what the user wrote in an older style."""
    own = getattr(module, "IncomingHandler", None)
    if own is http.IncomingHandler:
        own = None
    if own is not None and hasattr(own, "handle"):
        return own
    make = own or getattr(module, "init_incoming_handler", None)
    if make is None:
        raise AttributeError(f"module {module.__name__} has no class IncomingHandler")

    class Delegate(http.IncomingHandler):
        def __init__(self):
            self.handler = make()

        def handle_request(self, request):
            return self.handler.handle_request(request)

    return Delegate


keep_files()
sys.dont_write_bytecode = True
if Path(PACKAGES).is_dir():
    sys.path.insert(sys.path.index(MOUNT) + 1, PACKAGES)
sys.path_hooks.insert(0, find_app_in)
sys.path_importer_cache.clear()
user_module = import_users_module()
for late in dict.fromkeys([*LATE, *late_imports(Path(MOUNT))]):
    import_if_possible(late)
kept = KeptModules()
kept.keep(MOUNT)
kept.keep(PACKAGES)
sys.meta_path.append(kept)
IncomingHandler = handler_class(user_module)
