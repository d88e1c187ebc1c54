"""What functions need on this machine before the first one runs, made once and kept in the cache folder."""

import time
from collections.abc import Callable
from pathlib import Path

from faasweb.adapters.toolchain.environment import prepare_environment
from faasweb.supervisor.parts import ROOT
from faasweb.wasmhost.base import prepare_base

TOOLCHAIN_LOCK = ROOT / "deploy" / "requirements" / "toolchain.txt"


def prepare(cache: Path, say: Callable[[str], None], *, base: bool = True) -> None:
    """Install the toolchain and compile the base of instant functions; milliseconds when that was done before.

    The base fits only processors like the one that compiled it: an image made for other machines leaves it out.
    """
    started = time.monotonic()
    python = prepare_environment(cache, TOOLCHAIN_LOCK, say)
    if base:
        prepare_base(cache, python, say)
    ready = "Functions can run and be built" if base else "Functions can be built"
    say(f"{ready} ({time.monotonic() - started:.1f} s)")
