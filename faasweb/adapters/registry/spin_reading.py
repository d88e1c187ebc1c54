"""What is inside an image that somebody pushed: whether it can run here, and what its author asked for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faasweb.adapters.registry.spin_image import COMPONENT, CONFIG, LOCKED_APP
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.ports import Component, PulledImage

DOCUMENT_LIMIT = 4_000_000  # bytes of a manifest or a locked application
COMPONENT_LIMIT = 256_000_000
PLAIN_COMPONENT = "application/wasm"  # how wkg packages a component alone
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_WASM = b"\0asm"
_CORE_MODULE = b"\1\0\0\0"


@dataclass(frozen=True, slots=True)
class Descriptor:
    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Parts:
    """The blobs of an image that are needed here; ``locked`` is None for a component alone."""

    component: Descriptor
    locked: Descriptor | None


def parts_of(manifest: bytes) -> Parts:
    """InvalidInput for an image that is no application of one component."""
    content = _object(manifest, "manifest")
    if "manifests" in content:
        raise _refused("it is a list of images, one for each kind of machine.")
    if content.get("schemaVersion") != 2 or not isinstance(content.get("layers"), list):
        raise _refused("its manifest is of another kind.")
    layers = [_descriptor(item) for item in content["layers"]]
    config = _descriptor(content.get("config"))
    components = [item for item in layers if item.media_type in (COMPONENT, PLAIN_COMPONENT)]
    locked = [item for item in (*layers, config) if item.media_type == LOCKED_APP]
    known = (COMPONENT, PLAIN_COMPONENT, LOCKED_APP, CONFIG)
    others = [item.media_type for item in layers if item.media_type not in known]
    if others:
        raise _refused("it has files or archives beside its component.", layer=others[0][:100])
    if len(components) != 1:
        raise _refused(f"it has {len(components)} components, and exactly one can run.")
    if components[0].size > COMPONENT_LIMIT:
        raise TooLarge(f"The image's component is larger than {COMPONENT_LIMIT:,} bytes.", limit=COMPONENT_LIMIT)
    if locked and locked[0].size > DOCUMENT_LIMIT:
        raise TooLarge(f"The image's description is larger than {DOCUMENT_LIMIT:,} bytes.", limit=DOCUMENT_LIMIT)
    return Parts(components[0], locked[0] if locked else None)


def pulled(reference: str, parts: Parts, target: Path, locked: bytes | None) -> PulledImage:
    """InvalidInput when ``target`` or what the author says of it is nothing that runs here."""
    with target.open("rb") as file:
        begin = file.read(8)
    if not begin.startswith(_WASM) or begin[4:] == _CORE_MODULE:
        raise _refused("what it holds is no WebAssembly component.")
    component = Component(target, parts.component.digest, parts.component.size)
    if locked is None:
        return PulledImage(reference, component)
    try:
        return _told(reference, component, _object(locked, "description"))
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise _refused("its description can't be read.") from exc


def _told(reference: str, component: Component, app: Mapping[str, Any]) -> PulledImage:
    if len(app["components"]) != 1 or len(app["triggers"]) != 1:
        raise _refused("it has several components or triggers, and exactly one can run.")
    one, trigger = app["components"][0], app["triggers"][0]
    if trigger["trigger_type"] != "http":
        raise _refused("it is not called by HTTP.")
    if one["source"].get("digest") not in (None, component.digest):
        raise _refused("its description names another component than it holds.")
    if one.get("files") or one.get("dependencies"):
        raise _refused("it has files or dependencies beside its component.")
    variables = app.get("variables") or {}
    route = trigger["trigger_config"].get("route")
    return PulledImage(
        reference,
        component,
        app_name=str((app.get("metadata") or {}).get("name", one["id"])),
        route=route if isinstance(route, str) else "/...",
        allowed_outbound_hosts=_texts((one.get("metadata") or {}).get("allowed_outbound_hosts")),
        environment={str(name): str(value) for name, value in (one.get("env") or {}).items()},
        variables=tuple(sorted(str(name) for name, value in variables.items() if value.get("default") is None)),
    )


def verified(content: bytes, digest: str) -> bytes:
    """The content, if it is what the digest says."""
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise _refused("its content is not what its digest says.")
    return content


def _descriptor(item: object) -> Descriptor:
    if isinstance(item, dict):
        kind, digest, size = item.get("mediaType"), item.get("digest"), item.get("size")
        if isinstance(kind, str) and isinstance(digest, str) and isinstance(size, int) and size >= 0:
            if _DIGEST.match(digest):
                return Descriptor(kind, digest, size)
            raise _refused("its content is not named by SHA-256.")
    raise _refused("its manifest can't be read.")


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()  # half characters could not be stored
    except (ValueError, RecursionError) as exc:
        raise _refused(f"its {what} can't be read.") from exc
    if not isinstance(found, dict):
        raise _refused(f"its {what} can't be read.")
    return found


def _texts(items: object) -> tuple[str, ...]:
    return tuple(str(item) for item in items) if isinstance(items, Sequence) and not isinstance(items, str) else ()


def _refused(why: str, **details: object) -> InvalidInput:
    return InvalidInput(f"The image can't run here: {why}", **{"field": "image_ref", **details})
