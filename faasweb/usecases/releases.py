from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

from faasweb.domain.errors import InvalidInput, NotFound, TooLarge
from faasweb.domain.functions import Function, FunctionRef, code_key
from faasweb.domain.invocations import PrintedLine
from faasweb.domain.provided import NOTHING_ASKED, Provided
from faasweb.domain.source import Source, is_archive, is_packed
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions
from faasweb.domain.versions import Version
from faasweb.ports import Builder, BuildFailure, CodeStore, DeploymentRepository, Release, Say, Site, VersionRepository

REQUIREMENTS = "requirements.txt"
PATIENCE_S = 25.0
"""How long packages may take that are wanted at once; a build has longer."""

UPLOADS = "build-sources/"
"""Where the code store keeps what was uploaded to be built, by workspace and build."""


@dataclass(frozen=True, slots=True)
class Releases:
    """Puts together what a runtime is given, always with the function's settings of now."""

    versions: VersionRepository
    deployments: DeploymentRepository
    code: CodeStore
    builder: Builder

    def packages(self, source: Source, say: Say, patience_s: float = PATIENCE_S) -> Site | None:
        """The packages that the source imports in instant mode, installed if need be; None when it wants none.

        Raises InvalidInput when they can't be used, TimedOut and Unavailable when they can't be had now.
        """
        if REQUIREMENTS not in source.files:
            return None
        found = self.builder.dependencies(source, say, patience_s)
        if isinstance(found, BuildFailure):
            raise InvalidInput(found.message, field="code")
        return found

    def source(self, key: str) -> Source:
        return stored_source(self.code, key)

    def keep_source(self, ref: FunctionRef, key: str) -> Source:
        """The source at ``key``, from now on also kept below the function, as all code that was ever live is."""
        source = self.source(key)
        self.code.put(code_key(ref.workspace_id, ref.id, source.hash), source.packed)
        return source

    def instant(self, function: Function, deployment_id: str, code_hash: str) -> Release:
        source = self.source(code_key(function.workspace_id, function.id, code_hash))
        release = self._release(function, deployment_id, source=source)
        return replace(release, site=self.packages(source, silent), provided=_provided(source, silent))

    def draft(self, function: Function, source: Source, say: Say) -> Release:
        release = self._release(function, "draft", source=source)
        return replace(release, site=self.packages(source, say), provided=_provided(source, say))

    def version(self, function: Function, deployment_id: str, version: Version) -> Release:
        release = self._release(function, deployment_id, version=version)
        if not is_archive(version.code_hash):
            return release
        return replace(release, provided=_provided(self.source(version.code_key), silent))

    def live(self, function: Function) -> Release:
        """What answers now, with the settings of now."""
        live = function.live
        if live is None:
            raise ValueError(f"{function.id} is not live")
        if live.version is None:
            return self.instant(function, live.deployment_id, live.code_hash)
        return self.version(function, live.deployment_id, self.versions.get(function.id, live.version))

    def _release(
        self,
        function: Function,
        deployment_id: str,
        *,
        version: Version | None = None,
        source: Source | None = None,
    ) -> Release:
        return Release(
            function_id=function.id,
            workspace_id=function.workspace_id,
            app_name=function.app_name,
            deployment_id=deployment_id,
            settings=function.settings,
            version=version.number if version else None,
            source=source,
            artifact=version.artifact if version else None,
            image=version.image if version else None,
            options=self.options(deployment_id) if version else NO_OPTIONS,
        )

    def options(self, deployment_id: str) -> AppOptions:
        """Those chosen up to that deployment; none of one that is forgotten."""
        with contextlib.suppress(NotFound):
            return self.deployments.get(deployment_id).options
        return NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Heard:
    """Takes what a tool says as lines of a run."""

    lines: list[PrintedLine]

    def __call__(self, phase: str, text: str) -> None:
        self.lines.append(PrintedLine(time.time_ns(), "system", text))


def silent(phase: str, text: str) -> None:
    """Where nobody follows: the build says in its log what it installs."""


def _provided(source: Source, say: Say) -> Provided:
    """What the source's ``spin.toml`` asks for; of one that can't be read, as drafts may have, nothing."""
    try:
        return source.provided
    except (InvalidInput, TooLarge) as exc:
        say("check", exc.message)
        return NOTHING_ASKED


def stored_source(code: CodeStore, key: str) -> Source:
    """NotFound, or InvalidInput when it is no source: uploads are stored as they came, whatever they are."""
    content = code.get(key)
    if key.startswith(UPLOADS) and not is_packed(content):
        return Source.upload(key.rpartition("/")[2], content)
    source = Source.unpack(content)
    return Source.single(source.text) if source.is_single else source
