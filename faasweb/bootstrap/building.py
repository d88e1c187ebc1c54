"""What builds, and where images go, by the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from faasweb.bootstrap import aws
from faasweb.domain.images import RegistryRules
from faasweb.ports import Builder, CodeStore, FunctionRepository, ImageRegistry, Toolchain

if TYPE_CHECKING:
    import httpx

    from faasweb.adapters.toolchain.spin import SpinToolchain


def toolchain() -> SpinToolchain:
    from faasweb.adapters.toolchain.installation import PackageIndex
    from faasweb.adapters.toolchain.spin import SpinToolchain

    index = PackageIndex(settings.PIP_INDEX_URL, settings.WHEELS_DIR, settings.NETWORK_ENVIRONMENT)
    return SpinToolchain(settings.CACHE_DIR, index=index)


def builder(code: CodeStore, registry: ImageRegistry, toolchain: Toolchain, functions: FunctionRepository) -> Builder:
    if settings.BUILDER_SERVICE_URL:
        from faasweb.adapters.builder.http import HttpBuilder

        return HttpBuilder(
            builder_service(),
            code,
            toolchain,
            registry_url=settings.ECR_REGISTRY_URL,
            for_images=settings.RUNTIME != "embedded",
        )
    from faasweb.adapters.builder.local import LocalBuilder

    return LocalBuilder(toolchain, code, registry, functions if settings.RUNTIME != "embedded" else None)


def builder_service() -> httpx.Client:
    import httpx

    token = settings.BUILDER_SERVICE_TOKEN
    headers = {"authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(15, connect=5)
    return httpx.Client(base_url=settings.BUILDER_SERVICE_URL, headers=headers, timeout=timeout)


def registry_rules() -> RegistryRules:
    return RegistryRules(tuple(settings.REGISTRIES), settings.ECR_REGISTRY_URL, strict=settings.PRODUCTION)


def registry() -> ImageRegistry:
    import httpx

    from faasweb.adapters.registry.credentials import PlatformCredentials
    from faasweb.adapters.registry.layout import LayoutRegistry
    from faasweb.adapters.registry.oci import OciRegistry
    from faasweb.adapters.registry.registries import Registries

    rules = registry_rules()
    known = PlatformCredentials(
        rules, settings.REGISTRY_USERNAME, settings.REGISTRY_PASSWORD, partial(aws.client, "ecr")
    )
    client = httpx.Client(timeout=httpx.Timeout(60, connect=5), follow_redirects=False)
    elsewhere = OciRegistry(client, known, frozenset(settings.PLAIN_HTTP_REGISTRIES))
    return Registries(LayoutRegistry(settings.DATA_DIR / "registry"), elsewhere, rules)
