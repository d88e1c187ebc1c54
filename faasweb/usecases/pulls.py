from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faasweb.domain.builds import Artifact, Build
from faasweb.ports import CodeStore, FunctionRepository, ImageRegistry, Progress, PulledImage, Say


@dataclass(frozen=True, slots=True)
class Pulls:
    """Builds that are made by pulling an image instead of compiling a source.

    ``components`` is whether the runtime needs the component here. A cluster pulls the image by itself, perhaps from a
    registry that only it can reach: then its name is all there is to keep.
    """

    registry: ImageRegistry
    code: CodeStore
    functions: FunctionRepository
    components: bool = True

    def advance(self, build: Build, say: Say) -> Progress:
        """A finished build. May be repeated; the errors are those of the registry."""
        if build.origin is None:
            raise ValueError(f"build {build.id} has a source")
        if not self.components:
            say("pull", f"{build.origin}, by the cluster itself")
            return Progress(build.done(None, build.origin))
        with tempfile.TemporaryDirectory(prefix="faasweb-pull-") as folder:
            found = self.registry.pull(build.origin, Path(folder) / "app.wasm", say)
            made = found.component
            artifact = Artifact(made.digest, made.size, f"build-artifacts/{build.id}/app.wasm")
            self.code.put_file(artifact.key, made.path)
        say("pull", found.reference)
        for line in self._advice(build, found):
            say("pull", line)
        return Progress(build.done(artifact, found.reference))

    def _advice(self, build: Build, image: PulledImage) -> Iterator[str]:
        """What the image's author counted on and the function's settings do not give: they are never widened by it."""
        if build.function_id is None:
            return
        settings = self.functions.find(build.function_id).settings
        known = {variable.name.lower() for variable in settings.environment}
        hosts = [host for host in image.allowed_outbound_hosts if host not in settings.allowed_outbound_hosts]
        names = [name for name in (*image.environment, *image.variables) if name.lower() not in known]
        if hosts:
            yield f"The image wants to call {', '.join(hosts)}: allow that in the function's settings if it should."
        if names:
            yield f"The image expects the variables {', '.join(names)}: set them in the function's settings."
        if image.route not in ("/...", "/"):
            yield f"The image was made for the route {image.route}; here it answers at every path."
