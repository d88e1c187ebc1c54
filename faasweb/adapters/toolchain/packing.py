"""Makes one file of an installed folder of packages: what functions may import, the same bytes for the same packages.

Left out: what an installation adds for other uses (scripts, start-up hooks, its own records). Refused: compiled code.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from faasweb.adapters.toolchain.requirements import normal_name

MAX_FILES = 10_000
MAX_BYTES = 100_000_000
COMPILED = (".so", ".pyd", ".dylib", ".dll", ".a", ".wasm")
LEFT_OUT = (".pth", ".pyc", ".exe")
LEFT_OUT_FOLDERS = frozenset({"bin", "Scripts", "__pycache__"})
LEFT_OUT_RECORDS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
EPOCH = (1980, 1, 1, 0, 0, 0)


class Unusable(Exception):
    """Why these packages can't be used, as a sentence that names the package."""


@dataclass(frozen=True, slots=True)
class Contents:
    """``versions`` of packages by name, ``modules`` say which package a top-level module belongs to."""

    files: list[str]
    versions: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)


def examine(folder: Path) -> Contents:
    """What was installed into ``folder``. Raises Unusable."""
    found = Contents(sorted(_files(folder)))
    for path in found.files:
        if path.endswith(".dist-info/METADATA") and path.count("/") == 1:
            _note_package(folder, path, found)
    size = sum((folder / path).stat().st_size for path in found.files)
    if len(found.files) > MAX_FILES or size > MAX_BYTES:
        raise Unusable(
            f"the packages have {len(found.files):,} files with {size / 1e6:,.0f} MB; "
            f"a function's packages may have {MAX_FILES:,} files with {MAX_BYTES / 1e6:.0f} MB"
        )
    for path in found.files:
        if path.lower().endswith(COMPILED) or ".so." in path:
            raise Unusable(f"{_owner(path, found)} contains compiled code ({path}), which WebAssembly builds can't use")
    return found


def pack(folder: Path, contents: Contents, target: Path) -> str:
    """Write the files to ``target`` and give its sha256."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in contents.files:
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (folder / path).read_bytes())
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive that ``pack`` made."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)


def _files(folder: Path) -> Iterator[str]:
    """Paths of the regular files that are kept; links are none."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT_FOLDERS]
        inside = Path(parent).relative_to(folder)
        for name in names:
            path = inside / name
            recorded = inside.name.endswith(".dist-info") and name in LEFT_OUT_RECORDS
            hidden = inside == Path() and name.startswith(".")
            if not (recorded or hidden or name.endswith(LEFT_OUT) or (folder / path).is_symlink()):
                yield path.as_posix()


def _note_package(folder: Path, metadata: str, found: Contents) -> None:
    text = (folder / metadata).read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))
    name = fields.get("Name", metadata.partition("-")[0])
    found.versions[name] = fields.get("Version", "?")
    record = (folder / metadata).with_name("RECORD")
    if record.exists():
        rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8", errors="replace")))
        for row in rows:
            top = PurePosixPath(row[0]).parts[:1] if row else ()
            found.modules.update({part.removesuffix(".py"): name for part in top if not part.endswith(".dist-info")})


def _owner(path: str, found: Contents) -> str:
    top = path.partition("/")[0]
    name = found.modules.get(top) or found.modules.get(top.partition(".")[0]) or top
    known = {normal_name(each): version for each, version in found.versions.items()}
    return f"{name} {known.get(normal_name(name), '')}".strip()
