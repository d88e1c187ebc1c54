"""An image registry in a folder: an OCI image layout, which skopeo, oras and crane read as it is."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faasweb.adapters.registry.spin_image import MANIFEST, Blob, spin_image
from faasweb.adapters.registry.spin_reading import DOCUMENT_LIMIT, Descriptor, parts_of, pulled, verified
from faasweb.domain.errors import InvalidInput, NotFound, TooLarge, Unavailable
from faasweb.domain.images import OWN as HOST
from faasweb.domain.images import ImageRef
from faasweb.ports import Image, PulledImage, Say

LOCK_WAIT_S = 30.0
_TITLE = "org.opencontainers.image.title"
_REF_NAME = "org.opencontainers.image.ref.name"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class LayoutRegistry:
    """``root`` is made by the first push. A tag is stored as ``<app>:<tag>`` in index.json.

    Only one process changes the layout at a time; readers need no lock, because index.json is replaced whole and
    names only what is there already. Components share their disk space with the file they came from where possible.
    """

    root: Path

    def push(self, image: Image, say: Say) -> str:
        """``local/<app>:<tag>@sha256:<manifest>``. An image that loses its tag stays, for whoever holds its digest."""
        if image.registry not in ("", HOST):
            raise InvalidInput(
                "This installation keeps images on its own disk and can't push to another registry.",
                field="registry_url",
            )
        with _errors():
            made = spin_image(image)
            say("push", f"{image.app_name}:{image.tag}, component of {made.blobs[1].size / 1e6:.1f} MB")
            with self._locked():
                for blob in (*made.blobs, made.manifest):
                    self._store(blob)
                self._tag(image, made.manifest)
        return f"{HOST}/{image.app_name}:{image.tag}@{made.manifest.digest}"

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        ref = ImageRef.parse(reference)
        with _errors():
            digest = self._find(ref)
            parts = parts_of(self._read(Descriptor(MANIFEST, digest, DOCUMENT_LIMIT)))
            locked = self._read(parts.locked) if parts.locked else None
            path = self._blob_path(parts.component.digest)
            if not path.exists():
                raise NotFound(f"Image {ref} is not complete any more.", image=str(ref))
            with path.open("rb") as file:
                matches = hashlib.file_digest(file, "sha256").hexdigest() == path.name
            if not matches or path.stat().st_size != parts.component.size:
                raise Unavailable("The image registry's disk holds a damaged component.")
            shutil.copyfile(path, target)
        say("pull", f"{ref.tagged}, component of {parts.component.size / 1e6:.1f} MB")
        return pulled(f"{HOST}/{ref.repository}{f':{ref.tag}' if ref.tag else ''}@{digest}", parts, target, locked)

    def remove(self, app_name: str) -> None:
        with _errors():
            if not self._index_path.exists():
                return
            with self._locked():
                index = self._index()
                kept = [entry for entry in index["manifests"] if _annotations(entry).get(_TITLE) != app_name]
                self._write(self._index_path, _json({**index, "manifests": kept}))
                self._sweep({digest for entry in kept for digest in self._digests(entry)})

    def ready(self) -> str | None:
        folder = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        return None if os.access(folder, os.W_OK) else "The image registry's folder can't be written."

    @property
    def _index_path(self) -> Path:
        return self.root / "index.json"

    def _blob_path(self, digest: str) -> Path:
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the layout, which exists then. The lock ends with the process, however it dies."""
        self._blob_path("").mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
            marker = self.root / "oci-layout"
            if not marker.exists():
                self._write(marker, _json({"imageLayoutVersion": "1.0.0"}))
            yield
        finally:
            os.close(descriptor)

    def _find(self, ref: ImageRef) -> str:
        """The digest of an image that is listed under this name. NotFound."""
        if ref.registry == HOST:
            for entry in self._index()["manifests"]:
                named = _annotations(entry)
                tagged = named.get(_REF_NAME) == f"{ref.repository}:{ref.tag or 'latest'}"
                by_digest = entry["digest"] == ref.digest and named.get(_TITLE, ref.repository) == ref.repository
                if by_digest or (tagged and not ref.digest):
                    return str(entry["digest"])
        raise NotFound(f"There is no image {ref}.", image=str(ref))

    def _read(self, what: Descriptor) -> bytes:
        path = self._blob_path(what.digest)
        if not path.exists():
            raise NotFound("The image is not complete any more.")
        if path.stat().st_size > DOCUMENT_LIMIT:
            raise TooLarge(f"The image's description is larger than {DOCUMENT_LIMIT:,} bytes.", limit=DOCUMENT_LIMIT)
        return verified(path.read_bytes(), what.digest)

    def _index(self) -> dict[str, Any]:
        if not self._index_path.exists():
            return {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": []}
        index: dict[str, Any] = json.loads(self._index_path.read_bytes())
        return index

    def _tag(self, image: Image, manifest: Blob) -> None:
        reference = f"{image.app_name}:{image.tag}"
        index = self._index()
        others = [entry for entry in index["manifests"] if entry["digest"] != manifest.digest]
        for entry in others:
            if _annotations(entry).get(_REF_NAME) == reference:
                del entry["annotations"][_REF_NAME]
        annotations = {_REF_NAME: reference, _TITLE: image.app_name}
        entries = [*others, {**manifest.descriptor, "annotations": annotations}]
        self._write(self._index_path, _json({**index, "manifests": entries}))

    def _store(self, blob: Blob) -> None:
        path = self._blob_path(blob.digest)
        if path.exists() and path.stat().st_size == blob.size:
            return
        if isinstance(blob.content, bytes):
            self._write(path, blob.content)
        else:
            with self._replacing(path) as partial:
                _link_or_copy(blob.content, partial)

    def _write(self, path: Path, content: bytes) -> None:
        with self._replacing(path) as partial:
            partial.write_bytes(content)

    @contextlib.contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        """A path to write, which becomes ``path`` once it is complete and on the disk."""
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)

    def _digests(self, entry: dict[str, Any]) -> Iterator[str]:
        """A manifest's own digest and those of everything it refers to."""
        yield entry["digest"]
        if entry["mediaType"] == MANIFEST:
            manifest = json.loads(self._blob_path(entry["digest"]).read_bytes())
            yield manifest["config"]["digest"]
            for layer in manifest["layers"]:
                yield layer["digest"]

    def _sweep(self, used: set[str]) -> None:
        """Delete every blob that no image uses, and what a killed push left."""
        for path in self._blob_path("").iterdir():
            if f"sha256:{path.name}" not in used:
                path.unlink()


def _annotations(entry: dict[str, Any]) -> dict[str, str]:
    """Other programs may leave them out."""
    found: dict[str, str] = entry.get("annotations") or {}
    return found


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as exc:
            if time.monotonic() > deadline:
                raise Unavailable("The image registry is busy with another push.") from exc
            time.sleep(0.02)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, a filesystem without links, somebody else's file
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Translate the operating system's errors. Its texts name paths of the server, so none is repeated."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise Unavailable("The image registry's disk is full.") from exc
        if exc.errno in _REFUSED:
            raise Unavailable("The image registry's folder can't be written or read by this process.") from exc
        raise Unavailable("The image registry's disk reported an error.") from exc
    except (ValueError, LookupError) as exc:
        raise Unavailable("The image registry's index is damaged.") from exc
