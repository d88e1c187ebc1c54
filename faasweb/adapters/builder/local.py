"""Builds in this process, with the toolchain of this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from faasweb.domain.builds import Artifact, Build, PushTarget
from faasweb.domain.errors import Conflict, FaaswebError, InvalidInput, NotAllowed, NotFound, TooLarge, Unauthenticated
from faasweb.domain.functions import FunctionSettings
from faasweb.domain.manifest import ANY_ROUTE
from faasweb.domain.provided import unmatched
from faasweb.domain.source import Source
from faasweb.ports import (
    BuildFailure,
    Check,
    CodeStore,
    Component,
    FunctionRepository,
    Image,
    ImageRegistry,
    Progress,
    Say,
    Site,
    Toolchain,
)

# Asking again would get the same answer. Anything else may be different next time.
_FINAL: tuple[type[FaaswebError], ...] = (InvalidInput, NotAllowed, Unauthenticated, NotFound, Conflict, TooLarge)


@dataclass(frozen=True, slots=True)
class LocalBuilder:
    """One step: check, compile, store the component and push the image when the build asks for it.

    Every part may be repeated: the toolchain keeps what it compiled, and storing or pushing the same component again
    changes nothing. So a build whose worker died simply begins anew. ``functions`` is given where functions run as
    images: then their builds are pushed too, to the default registry, with the settings that are only read there.
    """

    toolchain: Toolchain
    code: CodeStore
    registry: ImageRegistry
    functions: FunctionRepository | None = None

    def advance(self, build: Build, source: Source, say: Say) -> Progress:
        """A finished build. Source that does not compile, and a registry that says no, make a failed one.

        Raises Unavailable when the toolchain, the code store or the registry can't work now: try again later.
        """
        say("check", f"{_counted(len(source.files), 'file')}, {source.size:,} bytes")
        try:
            return Progress(self._built(build, source, say))
        except _FINAL as exc:
            return Progress(build.failed(exc.message))

    def check(self, source: Source) -> Check:
        return self.toolchain.check(source)

    def dependencies(self, source: Source, say: Say, patience_s: float) -> Site | BuildFailure | None:
        return self.toolchain.dependencies(source, say, patience_s)

    def ready(self) -> str | None:
        return self.toolchain.ready()

    def _built(self, build: Build, source: Source, say: Say) -> Build:
        if manifest := source.manifest:
            for pattern in unmatched(manifest, source.contents):
                say("check", f"spin.toml: files names {pattern!r}, and the project has nothing like that")
        made = self.toolchain.build(source, say)
        if isinstance(made, BuildFailure):
            return build.failed(made.message, made.diagnostics)
        artifact = Artifact(made.digest, made.size, f"build-artifacts/{build.id}/app.wasm")
        self.code.put_file(artifact.key, made.path)
        say("build", f"component of {made.size / 1e6:.1f} MB, {made.digest}")
        target = build.push or (PushTarget() if self.functions and build.function_id else None)
        if target is None:
            return build.done(artifact, None)
        image = _image(build, target, source, made, self._settings(build))
        return self._pushed(build.built(artifact), image, artifact, say)

    def _settings(self, build: Build) -> FunctionSettings | None:
        """Those that the build was made with, else the function's of now."""
        if build.settings is None and self.functions and build.function_id:
            return self.functions.find(build.function_id).settings
        return build.settings

    def _pushed(self, build: Build, image: Image, artifact: Artifact, say: Say) -> Build:
        try:
            reference = self.registry.push(image, say)
        except _FINAL as exc:
            return build.failed(f"Push failed: {exc.message}")
        say("push", reference)
        return build.done(artifact, reference)


def _image(
    build: Build, target: PushTarget, source: Source, component: Component, settings: FunctionSettings | None
) -> Image:
    """``created_at`` is the build's own time, so that a repeated push gives the same image again.

    A function answers at every path, whatever route its manifest asks for, and has the default stores in any case.
    """
    manifest, provided = source.manifest, source.provided
    if manifest and build.function_id:
        stores, databases = provided.key_value_stores, provided.sqlite_databases
        manifest = replace(manifest, version="", route=ANY_ROUTE, key_value_stores=stores, sqlite_databases=databases)
    return Image(
        build.app_name,
        target.tag or f"task-{build.id}",
        component.path,
        build.created_at,
        settings=settings,
        manifest=manifest,
        files=provided.files,
        registry=target.registry,
        username=target.username,
        password=target.password,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
