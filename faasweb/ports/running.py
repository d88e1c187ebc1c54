"""What runs functions, and how they are called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from faasweb.domain.builds import Artifact
from faasweb.domain.errors import NotReady
from faasweb.domain.functions import Function, FunctionSettings
from faasweb.domain.invocations import Head, InvocationRequest, Report
from faasweb.domain.provided import NOTHING_ASKED, Provided
from faasweb.domain.source import Source
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions, AppSpec
from faasweb.ports.building import Site


@dataclass(frozen=True, slots=True)
class Release:
    """What a runtime serves for a function: with ``source`` in instant mode, with ``artifact`` and ``image`` baked.

    ``options`` are all that were ever chosen for it; only a cluster knows what to do with them.
    """

    function_id: str
    workspace_id: str
    app_name: str
    deployment_id: str
    settings: FunctionSettings
    version: int | None = None
    source: Source | None = None
    artifact: Artifact | None = None
    image: str | None = None
    options: AppOptions = NO_OPTIONS
    site: Site | None = None  # the packages that ``source`` imports
    provided: Provided = NOTHING_ASKED

    @property
    def mode(self) -> str:
        return "baked" if self.source is None else "instant"

    def as_app(self, namespace: str) -> AppSpec:
        """It as an app of a cluster. NotReady when it has no image."""
        if self.image is None:
            raise NotReady("This version was never pushed as an image: deploy the code again.")
        return AppSpec(
            namespace,
            self.app_name,
            self.image,
            self.function_id,
            self.options,
            self.settings.environment,
            self.settings.memory_mb,
            complete=True,
        )


@dataclass(frozen=True, slots=True)
class Health:
    """How a candidate answered its health request. ``ok`` means it started and answered, whatever status."""

    ok: bool
    status: int | None = None
    error: str | None = None


class Answer(Protocol):
    """A function's answer while it arrives."""

    head: Head | None  # None when the function never answered: then only the report tells why

    def body(self) -> AsyncIterator[bytes]: ...

    def report(self) -> Report:
        """Complete once ``body`` is exhausted."""
        ...

    async def close(self) -> None:
        """Give up on the rest: ends the run."""
        ...


class Runtime(Protocol):
    instant: bool  # whether it serves sources at once (``Release.source``)

    def apply(self, release: Release) -> None:
        """Make it ready beside what is live, as the function's candidate. Repeating is no error."""
        ...

    def check(self, release: Release) -> Health:
        """Send the candidate its health request."""
        ...

    def switch(self, release: Release) -> str | None:
        """Serve the candidate from now on; without a candidate, or twice, no error if that release is live already.

        Answers the URL that the function has from now on, where the runtime gives it one of its own.
        """
        ...

    def update_settings(self, release: Release) -> None:
        """Apply changed settings to what is live, without a new candidate."""
        ...

    def check_options(self, options: AppOptions) -> None:
        """InvalidInput for those that it could never give; one that knows nothing of them passes them over."""
        ...

    def remove(self, function_id: str, app_name: str) -> None:
        """Everything of that function: what is live, candidates, its state and its logs. Absent is no error."""
        ...

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> Answer:
        """Call what is live. NotReady when nothing is; InvocationFailed when the runtime itself does not answer."""
        ...

    def ready(self) -> str | None: ...


class DraftRunner(Protocol):
    async def run(self, release: Release, request: InvocationRequest, request_id: str) -> Answer:
        """Run a source once, with state and logs of its own; nothing becomes live."""
        ...
