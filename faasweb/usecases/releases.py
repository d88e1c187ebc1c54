from __future__ import annotations

import contextlib
from dataclasses import dataclass

from faasweb.domain.errors import NotFound
from faasweb.domain.functions import Function, FunctionRef, code_key
from faasweb.domain.source import Source, is_packed
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions
from faasweb.domain.versions import Version
from faasweb.ports import CodeStore, DeploymentRepository, Release, VersionRepository

UPLOADS = "build-sources/"
"""Where the code store keeps what was uploaded to be built, by workspace and build."""


@dataclass(frozen=True, slots=True)
class Releases:
    """Puts together what a runtime is given, always with the function's settings of now."""

    versions: VersionRepository
    deployments: DeploymentRepository
    code: CodeStore

    def source(self, key: str) -> Source:
        return stored_source(self.code, key)

    def keep_source(self, ref: FunctionRef, key: str) -> Source:
        """The source at ``key``, from now on also kept below the function, as all code that was ever live is."""
        source = self.source(key)
        self.code.put(code_key(ref.workspace_id, ref.id, source.hash), source.packed)
        return source

    def instant(self, function: Function, deployment_id: str, code_hash: str) -> Release:
        source = self.source(code_key(function.workspace_id, function.id, code_hash))
        return self._release(function, deployment_id, source=source)

    def draft(self, function: Function, source: Source) -> Release:
        return self._release(function, "draft", source=source)

    def version(self, function: Function, deployment_id: str, version: Version) -> Release:
        return self._release(function, deployment_id, version=version)

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


def stored_source(code: CodeStore, key: str) -> Source:
    """NotFound, or InvalidInput when it is no source: uploads are stored as they came, whatever they are."""
    content = code.get(key)
    if key.startswith(UPLOADS) and not is_packed(content):
        return Source.upload(key.rpartition("/")[2], content)
    source = Source.unpack(content)
    return Source.single(source.text) if source.is_single else source
