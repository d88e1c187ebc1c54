"""Any registry that speaks the OCI distribution protocol: ECR, GHCR, Harbor, Docker's own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import httpx

from faasweb.adapters.registry.authorization import Authorization, Known
from faasweb.adapters.registry.calls import Answer, Calls, Part, Trouble
from faasweb.adapters.registry.credentials import Login, PlatformCredentials
from faasweb.adapters.registry.refusals import refusal
from faasweb.adapters.registry.spin_image import MANIFEST, Blob, SpinImage, spin_image
from faasweb.adapters.registry.spin_reading import DOCUMENT_LIMIT, Descriptor, parts_of, pulled, verified
from faasweb.domain.addresses import is_private
from faasweb.domain.errors import NotFound, Unavailable
from faasweb.domain.images import ImageRef, credentials
from faasweb.ports import Image, PulledImage, Say

TIME_LIMIT_S = 240.0  # of one push or pull: a worker has seven minutes for all that it does
PIECE = 5_000_000  # bytes, where a registry takes a blob in pieces only
_READ = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.index.v1+json")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class OciRegistry:
    """``platform`` logs in where an image brings no password; ``plain`` are hosts without TLS beside this machine.

    ``client`` must not follow redirects: whoever is behind one never sees a password.
    """

    client: httpx.Client
    platform: PlatformCredentials
    plain: frozenset[str] = frozenset()
    pause: Callable[[float], None] = time.sleep
    known: Known = field(default_factory=Known)

    def push(self, image: Image, say: Say) -> str:
        """What the registry has is not sent again. The manifest comes last: an image is there whole or not at all."""
        at = image.registry if "/" in image.registry else f"{image.registry}/{image.app_name}"
        ref = ImageRef.parse(f"{at}:{image.tag}")
        made = _made(image)
        username, password = credentials(image.username, image.password)
        login = Login(username, password) if username else self.platform.of(ref)
        pushing = _Pushing(self._calls(ref, "pull,push", login), _path(ref), say)
        for blob in made.blobs:
            pushing.send(blob)
        pushing.name(ref.tag, made.manifest)
        return str(replace(ref, digest=made.manifest.digest))

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        ref = ImageRef.parse(reference)
        calls = self._calls(ref, "pull", self.platform.of(ref))
        manifest, digest = _manifest(calls, ref)
        parts = parts_of(manifest)
        locked = _document(calls, ref, parts.locked) if parts.locked else None
        component = parts.component
        say("pull", f"{ref.tagged}, component of {component.size / 1e6:.1f} MB")
        answer = calls.download(_blob(ref, component.digest), target, component.size, component.digest)
        _expect(calls, answer, 200)
        return pulled(str(replace(ref, digest=digest)), parts, target, locked)

    def remove(self, app_name: str) -> None:
        """What others may have pulled stays; registries have rules of their own for what is old."""

    def ready(self) -> str | None:
        return None

    def _calls(self, ref: ImageRef, actions: str, login: Login | None) -> Calls:
        authorization = Authorization(self.client, self._origin(ref), _repository(ref), actions, login, self.known)
        return Calls(self.client, authorization, time.monotonic() + TIME_LIMIT_S, self.pause)

    def _origin(self, ref: ImageRef) -> str:
        if ref.registry == "docker.io":
            return "https://registry-1.docker.io"
        host = ref.registry.rpartition(":")[0] if ref.registry[-1].isdigit() and ":" in ref.registry else ref.registry
        local = host in _LOOPBACK or (host.startswith("127.") and is_private(host))
        return f"{'http' if local or {host, ref.registry} & self.plain else 'https'}://{ref.registry}"


@dataclass(frozen=True, slots=True)
class _Pushing:
    calls: Calls
    path: str
    say: Say

    def send(self, blob: Blob) -> None:
        if self.calls.ask("HEAD", f"{self.path}/blobs/{blob.digest}").status == 200:
            self.say("push", f"{blob.digest} is there already")
            return
        begun = time.monotonic()
        answer = self.calls.again(lambda: self._whole(blob))
        if answer.status == 413 and blob.size > PIECE:  # something before the registry limits requests
            answer = self.calls.again(lambda: self._in_pieces(blob))
        self._expect_created(answer, blob.digest)
        took = time.monotonic() - begun
        self.say("push", f"{blob.digest}, {blob.size / 1e6:.1f} MB sent in {took:.1f} s")

    def name(self, tag: str, manifest: Blob) -> None:
        headers = {"Content-Type": manifest.media_type}
        path = f"{self.path}/manifests/{quote(tag)}"
        answer = self.calls.ask("PUT", path, headers=headers, content=_bytes(manifest))
        self._expect_created(answer, manifest.digest)

    def _whole(self, blob: Blob) -> Answer:
        return self._finish(self._begin(), blob, _content(blob))

    def _in_pieces(self, blob: Blob) -> Answer:
        location = self._begin()
        for start in range(0, blob.size, PIECE):
            size = min(PIECE, blob.size - start)
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{start}-{start + size - 1}"}
            answer = self.calls.once("PATCH", location, headers=headers, content=_content(blob, start, size))
            if answer.status != 202:
                return answer
            location = answer.headers.get("location", location)
        return self._finish(location, blob, b"")

    def _begin(self) -> str:
        answer = self.calls.once("POST", f"{self.path}/blobs/uploads/")
        _expect(self.calls, answer, 202)
        location: str = answer.headers.get("location", "")
        if not location:
            raise Unavailable(f"Registry {self.calls.host} did not say where to send the image.")
        return location

    def _finish(self, location: str, blob: Blob, content: bytes | Part) -> Answer:
        url = f"{location}{'&' if '?' in location else '?'}digest={quote(blob.digest)}"
        answer = self.calls.once("PUT", url, headers={"Content-Type": "application/octet-stream"}, content=content)
        if answer.status in (404, 416):  # the registry forgot what it had of it: begin anew
            raise Trouble(f"lost an upload ({answer.status})")
        return answer

    def _expect_created(self, answer: Answer, digest: str) -> None:
        _expect(self.calls, answer, 201)
        stored = answer.headers.get("docker-content-digest", digest)
        if stored != digest:
            raise Unavailable(f"Registry {self.calls.host} stored something else than was sent.")


def _manifest(calls: Calls, ref: ImageRef) -> tuple[bytes, str]:
    path = f"{_path(ref)}/manifests/{quote(ref.digest or ref.tag or 'latest')}"
    answer = calls.ask("GET", path, headers={"Accept": ", ".join(_READ)}, limit=DOCUMENT_LIMIT)
    if answer.status == 404:
        raise NotFound(f"There is no image {ref} in its registry.", field="image_ref")
    _expect(calls, answer, 200)
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    verified(answer.content, ref.digest or answer.headers.get("docker-content-digest", digest))
    return answer.content, digest


def _document(calls: Calls, ref: ImageRef, what: Descriptor) -> bytes:
    answer = calls.ask("GET", _blob(ref, what.digest), limit=DOCUMENT_LIMIT)
    _expect(calls, answer, 200)
    return verified(answer.content, what.digest)


def _expect(calls: Calls, answer: Answer, status: int) -> None:
    if answer.status == status:
        return
    if answer.status < 400:
        raise Unavailable(f"Registry {calls.host} answered {answer.status} where {status} is expected.")
    raise refusal(answer.status, answer.content, calls.host, calls.authorization.repository)


def _made(image: Image) -> SpinImage:
    try:
        return spin_image(image)
    except OSError as exc:
        raise Unavailable("The component can't be read from this machine's disk.") from exc


def _repository(ref: ImageRef) -> str:
    """Docker's own registry keeps names without an owner below ``library``."""
    owned = ref.registry != "docker.io" or "/" in ref.repository
    return ref.repository if owned else f"library/{ref.repository}"


def _path(ref: ImageRef) -> str:
    return f"/v2/{_repository(ref)}"


def _blob(ref: ImageRef, digest: str) -> str:
    return f"{_path(ref)}/blobs/{digest}"


def _content(blob: Blob, start: int = 0, size: int | None = None) -> bytes | Part:
    size = blob.size - start if size is None else size
    if isinstance(blob.content, bytes):
        return blob.content[start : start + size]
    return Part(blob.content, start, size)


def _bytes(blob: Blob) -> bytes:
    return blob.content if isinstance(blob.content, bytes) else blob.content.read_bytes()
