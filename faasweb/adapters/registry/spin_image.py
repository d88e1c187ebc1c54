"""The OCI artifact that Spin and its containerd shim run: what ``spin registry push`` (Spin 3) would make.

One component, one HTTP trigger at ``/...``. Nothing enters but the image: the same one gives the same bytes, so that it
can be pushed again, or to two registries, under one digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faasweb.domain.clock import as_utc
from faasweb.domain.errors import InvalidInput
from faasweb.domain.functions import FunctionSettings
from faasweb.domain.images import is_tag
from faasweb.domain.manifest import ANY_ROUTE, SpinManifest
from faasweb.ports import Image

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
COMPONENT = "application/vnd.wasm.content.layer.v1+wasm"
FILE = "application/vnd.wasm.content.layer.v1+data"
LOCKED_APP = "application/vnd.fermyon.spin.application.v1+config"
INLINE_LIMIT = 128  # bytes: Spin repeats content up to this size inside the locked app

_APP_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*\Z")
_VARIABLE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by digest (``sha256:<hex>``): bytes, or a file on this machine."""

    media_type: str
    digest: str
    size: int
    content: bytes | Path

    @classmethod
    def of(cls, media_type: str, content: bytes) -> Blob:
        return cls(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), content)

    @classmethod
    def of_file(cls, media_type: str, path: Path) -> Blob:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(media_type, f"sha256:{digest}", file.tell(), path)

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class SpinImage:
    """Push ``blobs`` first, then ``manifest``."""

    manifest: Blob
    blobs: tuple[Blob, ...]


def spin_image(image: Image) -> SpinImage:
    """InvalidInput for a name or tag that registries refuse; OSError when the component can't be read."""
    check_name(image.app_name, image.tag)
    component = Blob.of_file(COMPONENT, image.component)
    files = {path: Blob.of(FILE, content) for path, content in sorted(image.files.items())}
    pushed = {blob.digest: blob for blob in files.values() if blob.size > INLINE_LIMIT}
    locked = Blob.of(LOCKED_APP, _json(_locked_app(image, component, files)))
    labels = {"com.fermyon.spin.lockedAppDigest": locked.digest}
    platform = {"architecture": "wasm", "os": "Wasip1", "config": {"Labels": labels}}
    config = Blob.of(CONFIG, _json({**platform, "rootfs": {"type": "layers", "diff_ids": []}}))
    manifest = {
        "schemaVersion": 2,  # and no mediaType: Spin writes none
        "config": config.descriptor,
        # Readers look for the locked app at the end.
        "layers": [blob.descriptor for blob in (component, *pushed.values(), locked)],
        "annotations": {
            "org.opencontainers.image.created": as_utc(image.created_at).isoformat(),
            "org.opencontainers.image.title": image.app_name,
            "org.opencontainers.image.version": image.tag,
        },
    }
    return SpinImage(Blob.of(MANIFEST, _json(manifest)), (config, component, *pushed.values(), locked))


def check_name(app_name: str, tag: str) -> None:
    if len(app_name) > 128 or not _APP_NAME.match(app_name):
        raise InvalidInput(
            f"{app_name[:60]!r} can't be an image's name: use lower-case letters, digits and single . _ or -.",
            field="app_name",
        )
    if not is_tag(tag):
        raise InvalidInput(
            f"{tag[:60]!r} can't be an image's tag: up to 128 letters, digits, . _ or -, not beginning with . or -.",
            field="tag",
        )


def _locked_app(image: Image, component: Blob, files: Mapping[str, Blob]) -> Mapping[str, Any]:
    settings = image.settings or FunctionSettings()
    variables = _variables(settings)
    plain = {variable.name: variable.value for variable in settings.environment if variable.plain}
    manifest = image.manifest
    capabilities = {
        "allowed_outbound_hosts": list(settings.allowed_outbound_hosts),
        "databases": list(manifest.sqlite_databases) if manifest else ["default"],
        "key_value_stores": list(manifest.key_value_stores) if manifest else ["default"],
    }
    source = {"content_type": "application/wasm", **_inline(component), "digest": component.digest}
    return {
        "spin_lock_version": 0,
        "metadata": {
            "name": image.app_name,
            "trigger": {"type": "http"},
            "triggers": {"http": {}},
            "version": image.tag,
            **_told(manifest),
        },
        **_unless_empty("variables", variables),
        "triggers": [
            {
                "id": f"trigger-{image.app_name}",
                "trigger_type": "http",
                "trigger_config": {"component": image.app_name, "route": manifest.route if manifest else ANY_ROUTE},
            }
        ],
        "components": [
            {
                "id": image.app_name,
                "metadata": {name: value for name, value in capabilities.items() if value},
                "source": source,
                **_unless_empty("env", dict(sorted(plain.items()))),
                **_unless_empty("files", [_file(path, blob) for path, blob in files.items()]),
                **_unless_empty("config", {name: f"{{{{ {name} }}}}" for name in variables}),
            }
        ],
    }


def _told(manifest: SpinManifest | None) -> Mapping[str, Any]:
    if manifest is None:
        return {}
    told = {"version": manifest.version, "description": manifest.description, "authors": list(manifest.authors)}
    return {name: value for name, value in told.items() if value}


def _variables(settings: FunctionSettings) -> dict[str, Mapping[str, Any]]:
    """Spin variables by name, in lower case as Spin wants them.

    Of a secret only the name goes into an image: whoever can pull it could read the value. A runtime sets it, as
    ``SPIN_VARIABLE_<NAME>``.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for variable in sorted(settings.environment, key=lambda item: item.name):
        if _VARIABLE.match(variable.name.lower()):
            found[variable.name.lower()] = {"default": variable.value} if variable.plain else {"secret": True}
    return found


def _inline(blob: Blob) -> Mapping[str, str]:
    if blob.size > INLINE_LIMIT:
        return {}
    content = blob.content if isinstance(blob.content, bytes) else blob.content.read_bytes()
    return {"inline": base64.b64encode(content).decode()}


def _file(path: str, blob: Blob) -> Mapping[str, str]:
    return {**_inline(blob), "digest": blob.digest, "path": path}


def _unless_empty(name: str, value: Mapping[str, Any] | Sequence[Any]) -> Mapping[str, Any]:
    return {name: value} if value else {}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
