"""Apps on Kubernetes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from faasweb.domain.spinapps import AppSpec, AppStatus, LiveApp


class Cluster(Protocol):
    """Apps on Kubernetes, run by SpinKube. Unavailable when it does not answer or lacks something that it needs."""

    def apply(self, spec: AppSpec) -> AppStatus:
        """Deploy it, or what changed of it; options that are not given stay as they are deployed.

        Repeating is no error. InvalidInput, NamespaceMissing; Conflict when an app of that name is another function's;
        ClusterRefused when it must not be. Waits a few seconds for the Service to get its address.
        """
        ...

    def status(self, namespace: str, name: str, *, quick: bool = False) -> AppStatus:
        """NotFound. ``quick``, for somebody who looks on and asks again: one try of a few seconds each."""
        ...

    def check_namespace(self, namespace: str) -> None:
        """NamespaceMissing. Nothing when it is there, or when we may not look."""
        ...

    def reschedule(self, namespace: str, name: str) -> None:
        """Say again where its pods may run: what carries that may have been made only after ``apply`` had waited."""
        ...

    def list(self, namespace: str) -> Sequence[LiveApp]:
        """Every app of ours there, by name."""
        ...

    def remove(self, namespace: str, name: str, function_id: str | None = None) -> None:
        """The app and all that was made for it; with ``function_id`` all that bears its label, and nobody else's app.

        Absent is no error, and may be what an attempt left that died half-way.
        """
        ...

    def preview(self, spec: AppSpec) -> str:
        """What ``apply`` would write into an empty cluster, as YAML documents, without asking the cluster."""
        ...

    def ready(self) -> str | None:
        """None when apps can be deployed, otherwise a sentence that says what is missing."""
        ...
