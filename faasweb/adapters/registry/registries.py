"""Which registry an image goes to or comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from faasweb.domain.errors import InvalidInput
from faasweb.domain.images import OWN, ImageRef, RegistryRules
from faasweb.ports import Image, ImageRegistry, PulledImage, Say


@dataclass(frozen=True, slots=True)
class Registries:
    """``here`` on this machine's disk, ``elsewhere`` over HTTP. What is listed is looked at again with each image."""

    here: ImageRegistry
    elsewhere: ImageRegistry
    rules: RegistryRules

    def push(self, image: Image, say: Say) -> str:
        registry = image.registry or self.rules.home
        if registry in ("", OWN):
            return self.here.push(replace(image, registry=""), say)
        if image.registry:
            registry = self.rules.target(image.registry) or self.rules.home
        return self.elsewhere.push(replace(image, registry=registry), say)

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        ref = ImageRef.parse(reference)
        if ref.registry == OWN:
            return self.here.pull(reference, target, say)
        if not self.rules.allows(ref.name) and not self.rules.is_own(ref.name):
            raise InvalidInput("That image's registry is not one of FAASWEB_REGISTRIES.", field="image_ref")
        return self.elsewhere.pull(reference, target, say)

    def remove(self, app_name: str) -> None:
        """On the disk alone: who pushed to another registry may rely on what is there."""
        self.here.remove(app_name)

    def ready(self) -> str | None:
        return self.here.ready()
