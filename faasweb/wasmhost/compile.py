"""``python -m faasweb.wasmhost.compile IN.wasm OUT.cwasm [--memory MB]``: compile one component, then exit.

A process of its own, because the compiler needs several hundred MB that it does not give back.
"""

import argparse
import resource
import sys
from pathlib import Path

from wasmtime import WasmtimeError

from faasweb.wasmhost.compiled import compile_component
from faasweb.wasmhost.native import make_engine

INVALID = 3
"""The exit status for what is no component that this host could run."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="faasweb.wasmhost.compile", description="Compile a component.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--memory", type=int, metavar="MB", help="do not use more memory than this")
    options = parser.parse_args()
    if options.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (options.memory << 20, options.memory << 20))
    try:
        compile_component(make_engine(), options.source, options.target)
    except (OSError, WasmtimeError, MemoryError) as error:
        sys.stderr.write(f"{options.source.name} cannot be compiled: {error or type(error).__name__}\n")
        return INVALID if isinstance(error, WasmtimeError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
