"""Applications as images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from faasweb.domain.functions import FunctionSettings
from faasweb.domain.manifest import SpinManifest
from faasweb.ports.building import Component, Say


class ImageRegistry(Protocol):
    def push(self, image: Image, say: Say) -> str:
        """The full reference under which the image can be pulled, ``registry/repository:tag@sha256:...``.

        Repeating is no error. InvalidInput, Unauthenticated, NotAllowed, NotFound, Conflict and TooLarge are final;
        none of them, nor anything said, holds a password.
        """
        ...

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        """The component of an image as the file ``target``, every digest and size verified.

        Only images that can run here: a Spin application of one component without files. InvalidInput says what is in
        the way otherwise; the other errors are those of ``push``.
        """
        ...

    def remove(self, app_name: str) -> None:
        """Every image of that application, where this registry is the product's own. Absent is no error."""
        ...

    def ready(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Image:
    """A Spin application as an OCI artifact: one component, one HTTP trigger at ``/...``.

    ``registry`` is where it goes, ``host[:port]/repository``; a host alone gets a repository for each application, and
    empty is the product's own. Without a password the platform's credentials are used. ``manifest`` is what the
    application's own one says, if there is one: its route, texts and stores; ``files`` are what it mounts, by the path
    that the component opens.
    """

    app_name: str
    tag: str
    component: Path
    created_at: datetime
    settings: FunctionSettings | None = None
    manifest: SpinManifest | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    registry: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PulledImage:
    """What an image holds. ``reference`` has the digest of what was pulled; the rest is what its author asked for.

    ``environment`` are plain values, ``variables`` the names that have to be set from outside.
    """

    reference: str
    component: Component
    app_name: str = ""
    route: str = "/..."
    allowed_outbound_hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
