"""Settings choose adapters, here and nowhere else. Nothing happens at import."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from faasweb.bootstrap import building, running, storage, watching
from faasweb.bootstrap.platform import Adapters, Platform, platform_of
from faasweb.bootstrap.running import cluster
from faasweb.bootstrap.storage import adopt_table, create_table

__all__ = [
    "Adapters",
    "Platform",
    "adapters_from_settings",
    "adopt_table",
    "cluster",
    "create_table",
    "get_platform",
    "platform_of",
]


@cache
def get_platform() -> Platform:
    """The platform of this process."""
    return platform_of(adapters_from_settings())


def adapters_from_settings() -> Adapters:
    from faasweb.adapters.accounts.django import DjangoAccounts
    from faasweb.adapters.queue.djangoq import DjangoQueue

    code = storage.code_store()
    registry = building.registry()
    wasm = running.wasm_runtime(code)
    toolchain = building.toolchain()
    repositories = storage.repositories()
    return Adapters(
        repositories=repositories,
        code=code,
        builder=building.builder(code, registry, toolchain, repositories.functions),
        registry=registry,
        runtime=running.runtime(wasm),
        drafts=wasm,
        logs=watching.logs(),
        metrics=watching.metrics(),
        queue=DjangoQueue(),
        accounts=DjangoAccounts(),
        assistant=toolchain,
        rules=building.registry_rules(),
        components=settings.RUNTIME == "embedded",
        cluster=cluster() if settings.RUNTIME == "kubernetes" else None,
        namespaces=running.namespaces(),
        app_defaults=running.app_defaults(),
    )
