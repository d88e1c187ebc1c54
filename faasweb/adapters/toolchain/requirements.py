"""Reads a project's requirements.txt: which packages it wants, by name and version, and nothing else.

Only names from the package index are taken. Options, files and addresses would have the installer read what the project
has no right to, or run a package's own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FILE = "requirements.txt"
MAX_REQUIREMENTS = 200
MAX_CHARACTERS = 500_000
MAX_LINE = 20_000  # characters; with many hashes a line is long
# Part of every function's toolchain; other versions could not be used.
PROVIDED = frozenset({"spin-sdk", "componentize-py", "mypy"})

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VERSION = r"(?:===?|[<>!~]=|[<>])\s*[\w.*+!-]+"
VERSIONS = rf"{VERSION}(?:\s*,\s*{VERSION})*"
REQUIREMENT = re.compile(
    rf"(?!\S+\.(?:whl|zip|tar\.\w+)\b)(?P<name>{NAME})\s*(?P<extras>\[[\w\s,.-]*\])?\s*(?P<versions>\(\s*{VERSIONS}\s*\)|{VERSIONS})?"
    r"\s*(?P<marker>;[\w\s.<>=!~'\"()+*-]+?)?(?P<hashes>(?:\s+--hash[= ]sha(?:256|384|512):[0-9a-f]+)*)\s*"
)
COMMENT = re.compile(r"(^|\s)#.*$")
NO_PACKAGE = (
    (re.compile(r"(-e|--editable)\b"), "projects in folders can't be installed; put the package into your project"),
    (re.compile(r"(-r|-c|--requirement|--constraint)\b"), "other files are not read; write their lines here"),
    (
        re.compile(r"(-i|-f|--(extra-)?index-url|--find-links|--no-index|--trusted-host)\b"),
        "the package index is chosen by the operator of this server, not by projects",
    ),
    (re.compile(r"-"), "options are not supported"),
    (re.compile(r".*://|git\+|.*\s@\s|[\w.-]+@"), "packages from addresses are refused; name one of the package index"),
    (re.compile(r"[./~\\]|.*\.(whl|zip|tar\.gz)\b|.*[/\\]"), "files and folders can't be installed"),
)


class Refused(Exception):
    """A line that is not taken, with its number and why."""


def read_requirements(text: str) -> list[str]:
    """The packages to install, one requirement each, in a form that does not depend on how the file is laid out.

    What the toolchain provides is left out. Raises Refused.
    """
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"{FILE} has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    wanted = []
    for number, spaced in logical_lines(text):
        if len(spaced) > MAX_LINE:
            raise Refused(f"{FILE} line {number} has {len(spaced):,} characters; the limit is {MAX_LINE:,}.")
        line = " ".join(spaced.split())  # also because the pattern takes n**4 steps for n spaces
        found = REQUIREMENT.fullmatch(line)
        if found is None:
            raise Refused(f"{FILE} line {number}: {line[:100]!r}: {_reason(line)}.")
        if normal_name(found["name"]) not in PROVIDED:
            wanted.append(line)
    if len(wanted) > MAX_REQUIREMENTS:
        raise Refused(f"{FILE} has {len(wanted)} packages; the limit is {MAX_REQUIREMENTS}.")
    return sorted(set(wanted))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Lines with the number they begin at: without comments, joined where one ends in ``\``."""
    begun, parts = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        begun = begun or number
        line = COMMENT.sub("", raw).rstrip()
        if line.endswith("\\"):
            parts += line[:-1] + " "
            continue
        if joined := (parts + line).strip():
            yield begun, joined
        begun, parts = 0, ""
    if parts.strip():
        yield begun, parts.strip()


def normal_name(name: str) -> str:
    """Package names that differ in case or separators are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _reason(line: str) -> str:
    for pattern, reason in NO_PACKAGE:
        if pattern.match(line):
            return reason
    return "this is no requirement; write for example markdown==3.8"
