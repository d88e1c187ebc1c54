"""What a ``spin.toml`` gives its component beside settings: files at paths of their own, and named stores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from functools import cache

from faasweb.domain.archives import UNPACKED_LIMIT
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.manifest import MANIFEST, Files, SpinManifest

DEFAULT = "default"  # the store and the database that every function has
PATTERNS_LIMIT = 50
PATTERN_LIMIT = 400  # characters
MOUNTED_LIMIT = 400  # files: each may become a layer of an image, and registries count those
STORES_LIMIT = 20
_WILD = re.compile(r"[*?\[]")
_STORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Provided:
    """``mounts`` says by the path that the component opens which of ``contents`` it gets."""

    key_value_stores: tuple[str, ...] = (DEFAULT,)
    sqlite_databases: tuple[str, ...] = (DEFAULT,)
    mounts: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def by(cls, manifest: SpinManifest | None, contents: Mapping[str, bytes]) -> Provided:
        """What the manifest asks for out of the project's files. InvalidInput, TooLarge."""
        if manifest is None:
            return cls()
        mounts = _mounts(manifest, contents)
        return cls(
            _stores(manifest.key_value_stores, "key_value_stores", manifest),
            _stores(manifest.sqlite_databases, "sqlite_databases", manifest),
            mounts,
            {path: contents[path] for path in mounts.values()},
        )

    @property
    def files(self) -> dict[str, bytes]:
        """Contents by the path that the component opens."""
        return {path: self.contents[source] for path, source in sorted(self.mounts.items())}


NOTHING_ASKED = Provided()


def unmatched(manifest: SpinManifest, paths: Iterable[str]) -> list[str]:
    """What ``files`` names and the project does not have."""
    known = sorted(paths)
    return [item.source for item in manifest.files if not any(_placed(item, known))]


def _stores(names: tuple[str, ...], key: str, manifest: SpinManifest) -> tuple[str, ...]:
    for name in names:
        if not _STORE.match(name):
            raise _refused(manifest, key, f"{name[:70]!r} is no name: use letters, digits, - and _, at most 64")
    found = tuple(dict.fromkeys((DEFAULT, *names)))
    if len(found) > STORES_LIMIT:
        raise _refused(manifest, key, f"{len(found):,} names, and {STORES_LIMIT} can be had")
    return found


def _mounts(manifest: SpinManifest, contents: Mapping[str, bytes]) -> dict[str, str]:
    if not manifest.files:
        return {}
    _check_patterns(manifest)
    excluded = [re.compile(translate(pattern.removeprefix("./"))) for pattern in manifest.exclude_files]
    paths = [path for path in sorted(contents) if not any(pattern.match(path) for pattern in excluded)]
    found = {place: path for item in manifest.files for place, path in _placed(item, paths)}
    if len(found) > MOUNTED_LIMIT:
        message = f"{MANIFEST} mounts {len(found):,} files; the limit is {MOUNTED_LIMIT:,}."
        raise TooLarge(message, field="file", limit=MOUNTED_LIMIT)
    size = sum(len(contents[path]) for path in found.values())
    if size > UNPACKED_LIMIT:
        message = f"{MANIFEST} mounts files of {size:,} bytes; the limit is {UNPACKED_LIMIT:,}."
        raise TooLarge(message, field="file", limit=UNPACKED_LIMIT)
    _check_places(manifest, found)
    return found


def _check_patterns(manifest: SpinManifest) -> None:
    patterns = [item.source for item in manifest.files] + list(manifest.exclude_files)
    if len(patterns) > PATTERNS_LIMIT:
        raise _refused(manifest, "files", f"{len(patterns):,} patterns, and {PATTERNS_LIMIT} can be had")
    for pattern in (*patterns, *(item.destination for item in manifest.files)):
        if len(pattern) > PATTERN_LIMIT:
            raise _refused(manifest, "files", f"a pattern has more than {PATTERN_LIMIT} characters")
    for item in manifest.files:
        if item.source.startswith("/") or ".." in (*item.source.split("/"), *item.destination.split("/")):
            raise _refused(manifest, "files", f"{item.source!r}: only files of the project can be mounted")
        if item.destination and _WILD.search(item.source):
            raise _refused(manifest, "files", f"{item.source!r}: with a destination, name a folder or a file")
        if item.destination and not item.destination.startswith("/"):
            raise _refused(manifest, "files", f"{item.destination!r}: a destination starts with /")


def _check_places(manifest: SpinManifest, found: Mapping[str, str]) -> None:
    """A file can't be a folder too."""
    for place in found:
        above = place.rpartition("/")[0]
        while above:
            if above in found:
                raise _refused(manifest, "files", f"/{above} would be both a file and a folder")
            above = above.rpartition("/")[0]


def _placed(item: Files, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Where the component sees which of the project's files."""
    source = "/".join(_parts(item.source))
    if item.destination:
        place = "/".join(_parts(item.destination))
        for path in paths:
            if path == source and place:
                yield place, path
            elif not source or path.startswith(f"{source}/"):
                yield f"{place}/{path.removeprefix(f'{source}/' if source else '')}".lstrip("/"), path
        return
    wanted = tuple(_parts(item.source))
    for path in paths:
        if path == source or path.startswith(f"{source}/") or not source or _matches(wanted, tuple(path.split("/"))):
            yield path, path


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _matches(wanted: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """``**`` stands for any number of folders, other wildcards for something within one name."""

    @cache
    def rest(at: int, part: int) -> bool:
        if at == len(wanted):
            return part == len(parts)
        if wanted[at] == "**":
            return rest(at + 1, part) or (part < len(parts) and rest(at, part + 1))
        return part < len(parts) and fnmatchcase(parts[part], wanted[at]) and rest(at + 1, part + 1)

    return rest(0, 0)


def _refused(manifest: SpinManifest, key: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{MANIFEST}, component.{manifest.component}.{key}: {problem}.", field="file")
