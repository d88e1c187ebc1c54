"""Builds by a Builder Service: the source is handed in once, then the service is asked how far it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from faasweb.adapters.builder.answers import ask
from faasweb.adapters.builder.tasks import RemoteTask, diagnostics_in, readable
from faasweb.domain.builds import Artifact, Build, BuildStatus, PushTarget
from faasweb.domain.errors import (
    BuilderBroken,
    FaaswebError,
    InvalidInput,
    NotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
)
from faasweb.domain.manifest import MANIFEST, written_manifest
from faasweb.domain.source import MAIN_FILE, Source
from faasweb.ports import BuildFailure, Check, CodeStore, Progress, Say, Site, Toolchain

POLL_S = 5.0
HEALTH_TIMEOUT_S = 3.0
MISS_LIMIT = 6  # half a minute: a service that restarts or reads from a replica may miss a task for a moment
DUMMY_PASSWORD = "dummy-password"  # noqa: S105 - what clients of the earlier system send when they have none
WASM_MAGIC = b"\0asm"
_FINAL: tuple[type[FaaswebError], ...] = (InvalidInput, NotAllowed, NotFound, TooLarge)
_DOING = {BuildStatus.BUILDING: "building", BuildStatus.PUSHING: "pushing the image"}


@dataclass(frozen=True, slots=True)
class HttpBuilder:
    """One step of a build is one short request to the service, never a wait.

    ``client`` has the service's address as its base_url, and time limits. Builds of functions are made for deploying:
    with ``for_images`` as pushed images, without as components, which then have to lie in our own code store's bucket.
    ``registry_url`` is where images go when a build names no registry.

    A worker that dies after the service took a source and before that is stored hands the source in again. Nothing
    tells the two tasks apart from outside; they have the same source and tag, and the first one's result is not used.
    """

    client: httpx.Client
    code: CodeStore
    toolchain: Toolchain | None = None
    registry_url: str = ""
    for_images: bool = False

    def advance(self, build: Build, source: Source, say: Say) -> Progress:
        """Hand the build in, or look how far it is. A task the service lost for good makes a failed build.

        Raises BuilderUnavailable (also as BuilderTimedOut and BuilderBroken) when asking again later may help.
        """
        try:
            return self._submitted(build, source, say) if build.external_id is None else self._polled(build, say)
        except _FINAL as exc:
            return Progress(build.failed(_without_password(exc.message, build)))

    def check(self, source: Source) -> Check:
        """By the toolchain of this machine when it is there: a Builder Service checks only while it builds."""
        try:
            return self.toolchain.check(source) if self.toolchain else Check([])
        except Unavailable:
            return Check([])

    def dependencies(self, source: Source, say: Say, patience_s: float) -> Site | BuildFailure | None:
        """By the toolchain of this machine: a Builder Service keeps what it installs to itself."""
        if self.toolchain is None:
            raise Unavailable("This machine has no toolchain to install packages with.")
        return self.toolchain.dependencies(source, say, patience_s)

    def ready(self) -> str | None:
        try:
            ask(self.client, "GET", "/health", timeout=HEALTH_TIMEOUT_S)
        except FaaswebError as exc:
            return exc.message
        return None

    # handing in

    def _submitted(self, build: Build, source: Source, say: Say) -> Progress:
        target = self._target(build)
        form = {"workspace_id": build.workspace_id, "app_name": build.app_name}
        if target is not None:
            form |= self._push_form(build, target)
        answer = ask(
            self.client,
            "POST",
            "/api/v1/build" if target is None else "/api/v1/build-and-push",
            data=form,
            files={"file": _upload(build, source)},
        )
        task_id = answer.get("task_id")
        if not isinstance(task_id, str) or not 0 < len(task_id) <= 200:
            raise BuilderBroken("The Builder Service took the source and named no task.")
        say("system", f"handed in to the Builder Service as task {task_id}")
        return Progress(build.waiting(task_id), again_in_s=POLL_S)

    def _target(self, build: Build) -> PushTarget | None:
        made_for_deploying = build.function_id is not None and self.for_images
        return build.push or (PushTarget() if made_for_deploying else None)

    def _push_form(self, build: Build, target: PushTarget) -> dict[str, str]:
        """Without a password of its own the service must see no user either: then it uses its own role."""
        known = bool(target.username and target.password) and target.password != DUMMY_PASSWORD
        return {
            "registry_url": target.registry or self.registry_url,
            "username": target.username if known else "",
            "password": target.password if known else "",
            "tag": _tag(build, target),
        }

    # looking

    def _polled(self, build: Build, say: Say) -> Progress:
        task_id = build.external_id or ""
        path, params = f"/api/v1/tasks/{quote(task_id, safe='')}", {"workspace_id": build.workspace_id}
        try:
            task = RemoteTask.read(ask(self.client, "GET", path, params=params))
        except NotFound:
            return self._missed(build, task_id, say)
        if task.status is BuildStatus.DONE:
            return Progress(self._done(build, task.result, say))
        if task.status is BuildStatus.FAILED:
            told = _without_password(readable(task.error), build)
            return Progress(build.failed(told or _NO_REASON, diagnostics_in(told)))
        if (doing := _DOING.get(task.status)) and task.status is not build.status:
            say("push" if task.status is BuildStatus.PUSHING else "build", f"the Builder Service is {doing}")
        going_on = task.status if task.status in _DOING else BuildStatus.BUILDING
        return Progress(build.waiting(task_id, going_on), again_in_s=POLL_S)

    def _missed(self, build: Build, task_id: str, say: Say) -> Progress:
        missed = build.missed(f"The Builder Service does not know its task {task_id}.")
        if missed.misses < MISS_LIMIT:
            return Progress(missed, again_in_s=POLL_S)
        say("system", f"asked {missed.misses} times in a row: the task is unknown")
        return Progress(missed.failed(f"The Builder Service lost its task {task_id}, as if it had been set up anew."))

    def _done(self, build: Build, result: Mapping[str, Any], say: Say) -> Build:
        artifact = self._own_component(build, result.get("wasm_path"))
        target = self._target(build)
        image = None if target is None else self._image(build, target, result)
        if target is not None and image is None:
            return build.failed("The Builder Service is done, but does not say what the image is called.")
        if build.function_id is not None and not self.for_images and artifact is None:
            return build.failed("The Builder Service is done, but its component is not in this installation's bucket.")
        if artifact is not None:
            say("build", f"component of {artifact.size / 1e6:.1f} MB, {artifact.digest}")
        if image is not None:
            say("push", image)
        return build.done(artifact, image)

    def _image(self, build: Build, target: PushTarget, result: Mapping[str, Any]) -> str | None:
        for key in ("image_uri", "image_url"):
            if (image := result.get(key)) and isinstance(image, str):
                return image[:500]
        registry = target.registry or self.registry_url
        return f"{registry}:{_tag(build, target)}" if registry else None

    def _own_component(self, build: Build, path: object) -> Artifact | None:
        """What the service left in our own bucket, copied to where this build's things are and are cleared away."""
        own = self.code.location("build-artifacts")
        if not isinstance(path, str) or not path.startswith(f"{own}/"):
            return None
        try:
            content = self.code.get("build-artifacts" + path.removeprefix(own))
        except (NotFound, InvalidInput):
            return None
        if not content.startswith(WASM_MAGIC):
            return None
        key = f"build-artifacts/{build.id}/app.wasm"
        self.code.put(key, content)
        return Artifact(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), key)


_NO_REASON = "The Builder Service says that the build failed, and gives no reason."


def _upload(build: Build, source: Source) -> tuple[str, bytes, str]:
    """As the service takes it: an archive needs a manifest at its root."""
    if source.is_single:
        return MAIN_FILE, source.packed, "text/x-python"
    if MANIFEST not in source.files:
        source = source.with_file(MANIFEST, written_manifest(build.app_name, source.module))
    return "source.zip", source.packed, "application/zip"


def _tag(build: Build, target: PushTarget) -> str:
    return target.tag or f"task-{build.id}"


def _without_password(text: str, build: Build) -> str:
    secret = build.push.password if build.push else ""
    return text.replace(secret, "***") if secret else text
