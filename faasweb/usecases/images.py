from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from faasweb.domain.access import Actor
from faasweb.domain.builds import PushTarget
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.images import ImageRef, RegistryRules, credentials, is_tag
from faasweb.domain.source import Source
from faasweb.ports import BuildRepository, VersionRepository

NO_TAG = ("", "sha256")  # the word meant "by content" to clients of the earlier system
LOOK_BACK = 200


@dataclass(frozen=True, slots=True)
class Images:
    """Where images may go, and which ones may be deployed. Every door asks here."""

    rules: RegistryRules
    builds: BuildRepository
    versions: VersionRepository

    def push_target(
        self,
        source: Source,
        registry_url: str | None = None,
        tag: str | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> PushTarget:
        """InvalidInput for a registry that is not listed, or a tag that is none.

        A tag is kept as given; without one it follows from the source.
        """
        registry = self.rules.target(registry_url or "")
        user, secret = credentials(username, password)
        return PushTarget(registry, tag_for(tag or "", source), user, secret)

    def deployable(self, actor: Actor, function: Function, image: str, workspaces: Iterable[str]) -> str:
        """The reference of an image that may become live although no build of this workspace made it.

        The installation's own registry holds images of all workspaces: of those, only what was built in
        ``workspaces``, which the actor may see, or was live in this function before. InvalidInput, NotFound.
        """
        ref = ImageRef.parse(image)
        if self.rules.allows(ref.name):
            return str(ref)
        if not self.rules.is_own(ref.name):
            problem = "That image's registry is not one of FAASWEB_REGISTRIES, the list of those that are used here."
            raise InvalidInput(problem, field="image_ref")
        if not actor.is_operator and not self._is_known(ref, function, workspaces):
            raise NotFound("No image of that name was built here.", image=image[:300])
        return str(ref)

    def _is_known(self, ref: ImageRef, function: Function, workspaces: Iterable[str]) -> bool:
        wanted = str(ref)
        if any(_names(version.image, wanted) for version in self.versions.list(function.id)):
            return True
        return any(_names(build.image, wanted) for name in workspaces for build in self.builds.list(name, LOOK_BACK))


def tag_for(text: str, source: Source) -> str:
    if text in NO_TAG:
        return source.hash[:12]
    if not is_tag(text):
        raise InvalidInput("A tag has letters, digits and . _ - only, at most 128.", field="tag")
    return text


def _names(stored: str | None, wanted: str) -> bool:
    return stored is not None and wanted in (stored, stored.partition("@")[0])
