"""The live folder: one JSON file per function says what is live, another what is being tried as its successor.

The console writes these files, wasmhost reads them on every request. A switch is a rename, so it needs no message and
a restarted wasmhost serves what was live. No wasmtime here: the client uses this module too.
"""

import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

Mode = Literal["instant", "baked"]
Slot = Literal["live", "candidate"]

SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
SHA256 = re.compile(r"[0-9a-f]{64}")


class InvalidRelease(ValueError):
    """A live file (or the release of a draft) does not say something that can run."""


@dataclass(frozen=True, slots=True)
class LiveRelease:
    """What runs for a function. ``component`` (a sha256) belongs to baked mode, the rest of what it is to instant mode:

    ``files`` are text, ``data`` other files as Base64, ``site`` the packages they import (see ``sites.py``). In either
    mode ``mounts`` says which of ``files`` and ``data`` are also seen at what path.
    """

    function_id: str
    workspace_id: str
    release: str
    version: int | None = None
    mode: Mode = "instant"
    module: str = "app"
    files: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)
    site: str | None = None
    component: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    allowed_outbound_hosts: list[str] = field(default_factory=list)
    key_value_stores: list[str] = field(default_factory=lambda: ["default"])
    sqlite_databases: list[str] = field(default_factory=lambda: ["default"])
    memory_mb: int = 128
    timeout_s: float = 10.0
    concurrency: int = 16

    @classmethod
    def from_json(cls, content: Any) -> "LiveRelease":
        """Raises InvalidRelease unless ``content`` describes something that can run."""
        if not isinstance(content, dict):
            raise InvalidRelease("a release is a JSON object")
        known = {item.name for item in fields(cls)}
        try:
            release = cls(**{name: value for name, value in content.items() if name in known})
        except TypeError as error:
            raise InvalidRelease(f"a release is incomplete: {error}") from error
        release._validate()
        return release

    def _validate(self) -> None:
        if not all(isinstance(name, str) and SAFE_ID.fullmatch(name) for name in (self.function_id, self.workspace_id)):
            raise InvalidRelease("a release needs a function_id and a workspace_id of letters, digits, - and _")
        if self.mode not in get_args(Mode):
            raise InvalidRelease(f"unknown mode {self.mode!r}")
        if self.mode == "baked" and not (isinstance(self.component, str) and SHA256.fullmatch(self.component)):
            raise InvalidRelease("a baked release names its component by sha256")
        if self.mode == "instant" and not self.files:
            raise InvalidRelease("an instant release has files")
        if self.site is not None and not (isinstance(self.site, str) and SHA256.fullmatch(self.site)):
            raise InvalidRelease("packages are named by sha256")
        if not isinstance(self.module, str) or not MODULE.fullmatch(self.module):
            raise InvalidRelease(f"{self.module!r} is not a module name")
        self._validate_texts()
        self._validate_limits()

    def _validate_texts(self) -> None:
        for name in ("files", "data", "mounts", "environment", "variables"):
            mapping = getattr(self, name)
            if not isinstance(mapping, dict) or not all(isinstance(text, str) for text in mapping.values()):
                raise InvalidRelease(f"{name} maps names to text")
        for name in ("allowed_outbound_hosts", "key_value_stores", "sqlite_databases"):
            names = getattr(self, name)
            if not isinstance(names, list) or not all(isinstance(text, str) for text in names):
                raise InvalidRelease(f"{name} is a list of text")

    def _validate_limits(self) -> None:
        for name in ("memory_mb", "timeout_s", "concurrency"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
                raise InvalidRelease(f"{name} is a positive number")


def release_path(data: Path, function_id: str, slot: Slot = "live") -> Path:
    """Where the release of one slot is written. Raises InvalidRelease for an id that is not a plain name."""
    if not SAFE_ID.fullmatch(function_id):
        raise InvalidRelease(f"{function_id!r} is not a function id")
    return data / "live" / (f"{function_id}.json" if slot == "live" else f"{function_id}.candidate.json")


def site_path(cache: Path, digest: str) -> Path:
    """The archive of a set of packages; its folder has what else belongs to it."""
    return cache / "sites" / digest / "site.zip"


def read_release(path: Path) -> LiveRelease:
    """Raises FileNotFoundError when nothing is there, InvalidRelease when it cannot run."""
    try:
        return LiveRelease.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidRelease(f"{path.name} is not JSON: {error}") from error


def write_release(data: Path, release: LiveRelease, slot: Slot = "live") -> None:
    """Put ``release`` into a slot, atomically and durably; requests that start later run it."""
    text = json.dumps(asdict(release), ensure_ascii=False)
    write_atomically(release_path(data, release.function_id, slot), text.encode())


def promote_candidate(data: Path, function_id: str) -> None:
    """Make the candidate live. Raises FileNotFoundError when there is none."""
    release_path(data, function_id, "candidate").replace(release_path(data, function_id))


def remove_release(data: Path, function_id: str, slot: Slot = "live") -> None:
    """Stop serving a slot; fine when it is empty already."""
    release_path(data, function_id, slot).unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` (mode 0600) so that a reader sees the old or the new content, also after a power cut."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
