"""The build command of a ``spin.toml``: looked at for what it builds, and never run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*\Z")
_WORLDS = ("spin-http",)
# Options of componentize-py and of its command componentize: True for those that are followed by a value.
_OPTIONS = {
    **dict.fromkeys(("-d", "--wit-path", "-w", "--world", "--world-module", "--features"), True),
    **dict.fromkeys(("--import-interface-name", "--export-interface-name"), True),
    **dict.fromkeys(("-q", "--quiet", "--all-features"), False),
}
_COMMAND_OPTIONS = {
    **dict.fromkeys(("-p", "--python-path", "-m", "--module-worlds", "-o", "--output"), True),
    **dict.fromkeys(("-s", "--stub-wasi"), False),
}
HOW_TO_BUILD = "write componentize-py -w spin-http componentize MODULE -o app.wasm"


class CommandRefused(ValueError):
    """Says what is not as expected; ``HOW_TO_BUILD`` is how it can be."""


def built_module(command: object) -> str:
    """The module that a command of componentize-py compiles. CommandRefused for any other command."""
    if isinstance(command, list) and len(command) == 1:
        (command,) = command
    if not isinstance(command, str):
        raise CommandRefused("one command in quotes is expected")
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise CommandRefused("a quote is left open") from exc
    return _module_in(words)


def _module_in(words: list[str]) -> str:
    if not words or words[0] != "componentize-py":
        raise CommandRefused("commands other than componentize-py are not run")
    options, rest = _options(words[1:], _OPTIONS)
    for name in ("-w", "--world"):
        if options.get(name, _WORLDS[0]) not in _WORLDS:
            raise CommandRefused(f"the world {options[name]!r} is not supported")
    if rest[:1] != ["componentize"]:
        raise CommandRefused("of componentize-py only the command componentize is known")
    _, rest = _options(rest[1:], _COMMAND_OPTIONS)
    module, rest = (rest[0], rest[1:]) if rest else ("", [])
    _, rest = _options(rest, _COMMAND_OPTIONS)
    if not _MODULE.match(module) or rest:
        raise CommandRefused("exactly one module is built")
    return module


def _options(words: list[str], known: Mapping[str, bool]) -> tuple[dict[str, str], list[str]]:
    """The options at the beginning of ``words``, and what comes after them."""
    found: dict[str, str] = {}
    while words and words[0].startswith("-"):
        name, given, value = words.pop(0).partition("=")
        if name not in known or (given and not known[name]):
            raise CommandRefused(f"the option {name} is not known")
        if known[name] and not given:
            if not words:
                raise CommandRefused(f"the option {name} has no value")
            value = words.pop(0)
        found[name] = value
    return found, words
