"""What functions need on this machine before the first one runs, made once and kept in the cache folder."""

import time
from collections.abc import Callable
from pathlib import Path

from faasweb.adapters.toolchain.environment import prepare_environment
from faasweb.supervisor.parts import ROOT
from faasweb.wasmhost.base import prepare_base

TOOLCHAIN_LOCK = ROOT / "deploy" / "requirements" / "toolchain.txt"


def prepare(cache: Path, say: Callable[[str], None]) -> None:
    """Install the toolchain and compile the base of instant functions; milliseconds when that was done before."""
    started = time.monotonic()
    python = prepare_environment(cache, TOOLCHAIN_LOCK, say)
    prepare_base(cache, python, say)
    say(f"Functions can run and be built ({time.monotonic() - started:.1f} s)")
