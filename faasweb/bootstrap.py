"""Settings choose adapters, here and nowhere else. Nothing happens at import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from faasweb.domain.images import RegistryRules
from faasweb.domain.spinapps import AppDefaults
from faasweb.ports import (
    Accounts,
    Assistant,
    Builder,
    Cluster,
    CodeStore,
    DraftRunner,
    FunctionRepository,
    ImageRegistry,
    LogStore,
    MetricStore,
    Queue,
    Repositories,
    Runtime,
    Toolchain,
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

if TYPE_CHECKING:
    import httpx

    from faasweb.adapters.runtime.http_calls import UrlCalls
    from faasweb.adapters.runtime.wasm import WasmRuntime
    from faasweb.adapters.toolchain.spin import SpinToolchain


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


@cache
def get_platform() -> Platform:
    """The platform of this process."""
    return platform_of(adapters_from_settings())


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
        clusters=Clusters(use.cluster, use.namespaces, stored.workspaces, stored.functions, stored.versions, releases),
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


def adapters_from_settings() -> Adapters:
    from faasweb.adapters.accounts.django import DjangoAccounts
    from faasweb.adapters.queue.djangoq import DjangoQueue

    code = _code_store()
    registry = _registry()
    wasm = _wasm_runtime(code)
    toolchain = _toolchain()
    repositories = _repositories()
    return Adapters(
        repositories=repositories,
        code=code,
        builder=_builder(code, registry, toolchain, repositories.functions),
        registry=registry,
        runtime=_runtime(wasm),
        drafts=wasm,
        logs=_logs(),
        metrics=_metrics(),
        queue=DjangoQueue(),
        accounts=DjangoAccounts(),
        assistant=toolchain,
        rules=_registry_rules(),
        components=settings.RUNTIME == "embedded",
        cluster=cluster() if settings.RUNTIME == "kubernetes" else None,
        namespaces=_namespaces(),
        app_defaults=_app_defaults(),
    )


def _repositories() -> Repositories:
    retention = timedelta(days=settings.EXECUTION_RETENTION_DAYS)
    if settings.DYNAMODB_TABLE_NAME:
        from faasweb.adapters.repositories import dynamodb

        return dynamodb.open_repositories(_aws("dynamodb"), settings.DYNAMODB_TABLE_NAME, retention=retention)
    from faasweb.adapters.repositories import sqlite

    return sqlite.open_repositories(settings.DATA_DIR / "faasweb.db", retention=retention)


def create_table(say: Callable[[str], None]) -> None:
    """Make the table in DynamoDB, if it is not there; ``say`` hears what was done."""
    from faasweb.adapters.repositories import provisioning

    provisioning.create_table(_aws("dynamodb"), _table_name(), say)


def adopt_table(say: Callable[[str], None], *, dry_run: bool) -> Iterable[str]:
    """Make a table of the earlier system usable; the lines of a summary."""
    from faasweb.adapters.repositories.adoption import Adoption

    adoption = Adoption(_aws("dynamodb"), _table_name(), _code_store(), say, dry_run=dry_run)
    return adoption.run().lines(dry_run=dry_run)


def _table_name() -> str:
    if not settings.DYNAMODB_TABLE_NAME:
        raise ImproperlyConfigured("set DYNAMODB_TABLE_NAME to the table's name")
    name: str = settings.DYNAMODB_TABLE_NAME
    return name


def _code_store() -> CodeStore:
    if settings.S3_BUCKET_NAME:
        from faasweb.adapters.codestore.s3 import S3CodeStore

        return S3CodeStore(_aws("s3"), settings.S3_BUCKET_NAME)
    from faasweb.adapters.codestore.filesystem import FilesystemCodeStore

    return FilesystemCodeStore(settings.DATA_DIR / "code")


def _aws(service: str) -> object:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard"},
        max_pool_connections=32,
        tcp_keepalive=True,  # balancers on the way forget idle connections without a word
        parameter_validation=False,  # a fifth of the CPU of a write; our own types have been checked, AWS checks again
        # TLS guards the way and hashes name the content; stores that are not AWS stumble over these checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        service, region_name=settings.AWS_REGION, endpoint_url=settings.AWS_ENDPOINT_URL or None, config=config
    )


def _toolchain() -> SpinToolchain:
    from faasweb.adapters.toolchain.installation import PackageIndex
    from faasweb.adapters.toolchain.spin import SpinToolchain

    index = PackageIndex(settings.PIP_INDEX_URL, settings.WHEELS_DIR, settings.NETWORK_ENVIRONMENT)
    return SpinToolchain(settings.CACHE_DIR, index=index)


def _builder(code: CodeStore, registry: ImageRegistry, toolchain: Toolchain, functions: FunctionRepository) -> Builder:
    if settings.BUILDER_SERVICE_URL:
        from faasweb.adapters.builder.http import HttpBuilder

        return HttpBuilder(
            _builder_service(),
            code,
            toolchain,
            registry_url=settings.ECR_REGISTRY_URL,
            for_images=settings.RUNTIME != "embedded",
        )
    from faasweb.adapters.builder.local import LocalBuilder

    return LocalBuilder(toolchain, code, registry, functions if settings.RUNTIME != "embedded" else None)


def _builder_service() -> httpx.Client:
    import httpx

    token = settings.BUILDER_SERVICE_TOKEN
    headers = {"authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(15, connect=5)
    return httpx.Client(base_url=settings.BUILDER_SERVICE_URL, headers=headers, timeout=timeout)


def _registry_rules() -> RegistryRules:
    return RegistryRules(tuple(settings.REGISTRIES), settings.ECR_REGISTRY_URL, strict=settings.PRODUCTION)


def _registry() -> ImageRegistry:
    import httpx

    from faasweb.adapters.registry.credentials import PlatformCredentials
    from faasweb.adapters.registry.layout import LayoutRegistry
    from faasweb.adapters.registry.oci import OciRegistry
    from faasweb.adapters.registry.registries import Registries

    rules = _registry_rules()
    known = PlatformCredentials(rules, settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD, _ecr)
    client = httpx.Client(timeout=httpx.Timeout(60, connect=5), follow_redirects=False)
    elsewhere = OciRegistry(client, known, frozenset(settings.PLAIN_HTTP_REGISTRIES))
    return Registries(LayoutRegistry(settings.DATA_DIR / "registry"), elsewhere, rules)


def _ecr(region: str) -> object:
    """A client of ECR in a region; who asks is known from the environment, a file or the pod's role."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard"})
    return boto3.client("ecr", region_name=region, endpoint_url=settings.AWS_ENDPOINT_URL or None, config=config)


def _runtime(wasm: WasmRuntime) -> Runtime:
    from faasweb.adapters.runtime.address import AddressRuntime

    calls = _url_calls()
    if settings.RUNTIME == "embedded":
        return AddressRuntime(wasm, calls)
    if settings.RUNTIME == "builder":
        return AddressRuntime(_builder_runtime(calls), calls)
    return AddressRuntime(_kubernetes_runtime(calls), calls)


def _kubernetes_runtime(calls: UrlCalls) -> Runtime:
    from faasweb.adapters.runtime.kubernetes import KubernetesRuntime

    return KubernetesRuntime(cluster(), calls, _namespaces())


def _namespaces() -> tuple[str, ...]:
    return tuple(dict.fromkeys([settings.NAMESPACE, *settings.NAMESPACES]))


@cache
def cluster() -> Cluster:
    """The Kubernetes cluster of this installation; nothing is asked of it before it is used."""
    from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
    from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection

    return KubernetesCluster(Connection(ClusterAddress(settings.KUBECONFIG, settings.KUBE_CONTEXT)), _app_defaults())


def _builder_runtime(calls: UrlCalls) -> Runtime:
    from faasweb.adapters.runtime.builder import BuilderRuntime, Placement

    place = Placement(settings.NAMESPACE, settings.AUTOSCALING, settings.REPLICAS, settings.USE_SPOT)
    return BuilderRuntime(_builder_service(), calls, place)


def _app_defaults() -> AppDefaults:
    return AppDefaults(
        executor=settings.EXECUTOR,
        service_account=settings.SERVICE_ACCOUNT,
        pull_secrets=tuple(settings.PULL_SECRETS),
        cpu_limit=settings.CPU_LIMIT,
        memory_limit=settings.MEMORY_LIMIT,
        cpu_request=settings.CPU_REQUEST,
        memory_request=settings.MEMORY_REQUEST,
        autoscaling=settings.AUTOSCALING,
        replicas=settings.REPLICAS,
        max_replicas=settings.MAX_REPLICAS,
        cpu_percent=settings.CPU_PERCENT,
        use_spot=settings.USE_SPOT,
    )


def _url_calls() -> UrlCalls:
    from faasweb.adapters.runtime.addresses import AddressRules
    from faasweb.adapters.runtime.http_calls import UrlCalls

    suffixes = tuple(f".{namespace}.svc.cluster.local" for namespace in _namespaces())
    return UrlCalls(AddressRules(suffixes, frozenset(settings.INVOCATION_HOSTS)))


def _wasm_runtime(code: CodeStore) -> WasmRuntime:
    """Runs functions, embedded; drafts always."""
    from faasweb.adapters.runtime.wasm import WasmRuntime

    sockets = [settings.DATA_DIR / "run" / f"wasmhost-{i}.sock" for i in range(settings.WASMHOST_PROCESSES)]
    return WasmRuntime(settings.DATA_DIR, code, sockets)


def _logs() -> LogStore:
    if settings.LOKI_SERVICE_URL:
        import httpx

        from faasweb.adapters.logs.loki import LokiLogStore

        return LokiLogStore(httpx.Client(base_url=settings.LOKI_SERVICE_URL, timeout=30))
    from faasweb.adapters.logs.embedded import EmbeddedLogStore

    return EmbeddedLogStore(settings.DATA_DIR / "telemetry.db")


def _metrics() -> MetricStore:
    if settings.PROMETHEUS_SERVICE_URL:
        import httpx

        from faasweb.adapters.metrics.prometheus import PrometheusMetricStore

        return PrometheusMetricStore(httpx.Client(base_url=settings.PROMETHEUS_SERVICE_URL, timeout=15))
    from faasweb.adapters.metrics.embedded import EmbeddedMetricStore

    return EmbeddedMetricStore(settings.DATA_DIR / "telemetry.db")
