"""What the doors may ask for, made of one adapter for each port. Knows no settings: tests put in their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from faasweb.domain.images import RegistryRules
from faasweb.domain.spinapps import AppDefaults
from faasweb.ports import (
    Accounts,
    Assistant,
    Builder,
    Cluster,
    CodeStore,
    DraftRunner,
    ImageRegistry,
    LogStore,
    MetricStore,
    Queue,
    Repositories,
    Runtime,
)
from faasweb.usecases.access import Access
from faasweb.usecases.apps import Apps
from faasweb.usecases.builds import Builds
from faasweb.usecases.clusters import Clusters
from faasweb.usecases.credentials import Credentials
from faasweb.usecases.deployments import Deployments
from faasweb.usecases.editing import Editing
from faasweb.usecases.functions import Functions
from faasweb.usecases.images import Images
from faasweb.usecases.invocations import Invocations
from faasweb.usecases.observing import Logs, Metrics
from faasweb.usecases.pulls import Pulls
from faasweb.usecases.recording import Recorder
from faasweb.usecases.releases import Releases
from faasweb.usecases.upkeep import Readiness, Upkeep
from faasweb.usecases.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything the doors may ask for, by noun."""

    access: Access
    accounts: Accounts
    credentials: Credentials
    workspaces: Workspaces
    functions: Functions
    builds: Builds
    images: Images
    deployments: Deployments
    clusters: Clusters
    apps: Apps
    invocations: Invocations
    logs: Logs
    metrics: Metrics
    editing: Editing
    upkeep: Upkeep
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Adapters:
    """One adapter for each port, and what an operator has ruled."""

    repositories: Repositories
    code: CodeStore
    builder: Builder
    registry: ImageRegistry
    runtime: Runtime
    drafts: DraftRunner
    logs: LogStore
    metrics: MetricStore
    queue: Queue
    accounts: Accounts
    assistant: Assistant
    rules: RegistryRules = field(default_factory=RegistryRules)
    components: bool = True
    """Whether the runtime runs components of this machine; a cluster pulls images."""
    cluster: Cluster | None = None
    namespaces: tuple[str, ...] = ("default",)
    """Where functions may be; they are in the first unless a deployment says otherwise."""
    app_defaults: AppDefaults = field(default_factory=AppDefaults)


def platform_of(use: Adapters) -> Platform:
    stored = use.repositories
    releases = Releases(stored.versions, stored.deployments, use.code, use.builder)
    pulls = Pulls(use.registry, use.code, stored.functions, components=use.components)
    builds = Builds(stored.builds, stored.functions, use.code, use.builder, use.queue, use.accounts, pulls)
    deployments = Deployments(
        stored.deployments,
        stored.functions,
        stored.versions,
        builds,
        releases,
        use.runtime,
        use.queue,
        use.accounts,
    )
    functions = Functions(stored.functions, stored.drafts, use.code, use.runtime, releases, use.queue, use.accounts)
    images = Images(use.rules, stored.builds, stored.versions)
    apps = Apps(functions, deployments, stored.workspaces, images, use.cluster, use.namespaces, use.app_defaults)
    return Platform(
        access=Access(use.accounts, stored.workspaces),
        accounts=use.accounts,
        credentials=Credentials(use.accounts),
        workspaces=Workspaces(stored.workspaces, use.accounts, use.queue),
        functions=functions,
        builds=builds,
        images=images,
        deployments=deployments,
        clusters=Clusters(
            use.cluster,
            use.namespaces,
            stored.workspaces,
            stored.functions,
            stored.versions,
            stored.builds,
            releases,
            use.rules,
            use.app_defaults,
        ),
        apps=apps,
        invocations=Invocations(
            use.runtime, use.drafts, releases, stored.executions, use.logs, Recorder(stored.executions)
        ),
        logs=Logs(use.logs),
        metrics=Metrics(use.metrics, stored.executions),
        editing=Editing(use.assistant),
        upkeep=Upkeep(
            stored.maintenance,
            stored.functions,
            builds,
            deployments,
            use.code,
            use.runtime,
            use.registry,
            use.queue,
        ),
        readiness=Readiness(stored.maintenance, use.code, use.builder, use.registry, use.runtime),
    )
