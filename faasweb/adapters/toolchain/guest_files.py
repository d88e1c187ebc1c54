"""The guest side of a build: what the project's folder held stays readable in the component, from memory.

This file is not imported by faasweb. A component has no disk. In instant mode files can be opened and modules imported
at any time; this gives a built function the same, under the names that files have in either mode: ``/app/...`` and
what ``__file__`` says.
"""
# mypy: ignore-errors
# It runs on the guest's Python 3.12 inside WebAssembly, beside guest_entry.py.

import builtins
import importlib.abc
import importlib.machinery
import importlib.readers
import io
import marshal
import os
import stat
import sys
import types

MOUNT = "/0"  # componentize-py's name for the first folder it is given
APP = "/app"
SITE = "/.site"
MAX_PACKAGE_DATA = 16 << 20  # bytes: they are part of the memory that every request starts with

FILES = {}  # content by path, from the project's folder on: "/pkg/page.html"
FOLDERS = {}  # names by path

real_open, real_stat, real_listdir = io.open, os.stat, os.listdir


def place_of(path):
    """The path from the project's folder on, or None for what is not in it."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    name = os.path.normpath(os.fsdecode(path))
    for start in (MOUNT, APP):
        if name == start or name.startswith(start + "/"):
            return name.removeprefix(start)
    return None


def keep_files():
    """Read everything but modules, and have it found when the folder is gone."""
    packages = []
    for folder, _, names in os.walk(MOUNT):
        place = folder.removeprefix(MOUNT)
        for name in names:
            path = f"{place}/{name}"
            if path.endswith(".py"):
                note(path)
            elif place == SITE or place.startswith(SITE + "/"):
                packages.append(path)
            else:
                keep(path)
    if sum(real_stat(MOUNT + path).st_size for path in packages) <= MAX_PACKAGE_DATA:
        for path in packages:
            keep(path)
    builtins.open = io.open = open_kept
    os.stat, os.listdir = stat_kept, listdir_kept


def keep(path):
    with real_open(MOUNT + path, "rb") as file:
        FILES[path] = file.read()
    note(path)


def note(path):
    """Add a path to the folders it is in."""
    folder, _, name = path.rpartition("/")
    known = FOLDERS.setdefault(folder, set())
    if name not in known:
        known.add(name)
        if folder:
            note(folder)


def open_kept(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    try:
        return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    except OSError:
        content = FILES.get(place_of(file))
        if content is None or set(mode) & set("wax+"):
            raise
    raw = io.BytesIO(content)
    return raw if "b" in mode else io.TextIOWrapper(raw, encoding or "utf-8", errors, newline)


def stat_kept(path, *arguments, **options):
    try:
        return real_stat(path, *arguments, **options)
    except OSError:
        place = place_of(path)
        if place in FILES:
            return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, len(FILES[place]), 0, 0, 0))
        if place in FOLDERS:
            return os.stat_result((stat.S_IFDIR | 0o555, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        raise


def listdir_kept(path="."):
    try:
        return real_listdir(path)
    except OSError:
        place = place_of(path)
        if place not in FOLDERS:
            raise
        names = sorted(FOLDERS[place])
        return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names


class KeptModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports what nothing imported at build, from bytecode held in memory."""

    def __init__(self):
        self.modules = {}

    def keep(self, root):
        """Everything below ``root`` that is not imported by now and compiles."""
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not name.startswith(".") and name.isidentifier()]
            for name in names:
                if name.endswith(".py"):
                    self.keep_module(root, f"{folder}/{name}")

    def keep_module(self, root, path):
        name = path.removeprefix(f"{root}/").removesuffix(".py").replace("/", ".")
        is_package = name.endswith(".__init__")
        name = name.removesuffix(".__init__")
        if name in sys.modules or name in self.modules:
            return
        try:
            with real_open(path, "rb") as file:
                code = compile(file.read(), APP + path.removeprefix(MOUNT), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return  # for another Python, or no module at all
        self.modules[name] = (path, is_package, marshal.dumps(code))

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        origin, is_package, _ = self.modules[name]
        spec = importlib.machinery.ModuleSpec(name, self, origin=origin, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(self.modules[module.__name__][2]), module.__dict__)  # noqa: S102, S302

    def get_data(self, path):
        with open_kept(path, "rb") as file:
            return file.read()

    def get_resource_reader(self, name):
        return importlib.readers.FileReader(types.SimpleNamespace(path=self.modules[name][0]))
