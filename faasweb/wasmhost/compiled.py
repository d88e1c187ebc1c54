"""Compiled components on disk (.cwasm). They are executable code: only files that faasweb wrote itself are loaded."""

import os
import stat
from pathlib import Path

from wasmtime import Engine, WasmtimeError
from wasmtime.component import Component

from faasweb.wasmhost.live import write_atomically


class NotLoadable(Exception):
    """The file is missing, was written by somebody else, or belongs to another version of wasmtime."""


def compile_component(engine: Engine, source: Path, target: Path) -> None:
    """Compile ``source`` into ``target`` (mode 0600, atomically).

    Takes several seconds of CPU on every core. Raises WasmtimeError when the file is not a component.
    """
    write_atomically(target, bytes(Component(engine, source.read_bytes()).serialize()))


def load_compiled(engine: Engine, path: Path) -> Component:
    """Map a compiled component into memory. Raises NotLoadable.

    wasmtime writes its version and settings into the file and refuses one that differs, so an upgrade shows up here.
    """
    _require_own(path)
    try:
        return Component.deserialize_file(engine, str(path))
    except WasmtimeError as error:
        raise NotLoadable(f"{path.name} was compiled for another version: {error}") from error


def _require_own(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise NotLoadable(f"{path.name} does not exist") from error
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise NotLoadable(f"{path.name} could have been written by somebody else")
