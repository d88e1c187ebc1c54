"""What a ``spin.toml`` declares, as settings of a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.manifest import SpinManifest


def declared(
    settings: FunctionSettings, manifest: SpinManifest | None, before: SpinManifest | None = None
) -> FunctionSettings:
    """``settings`` with what ``manifest`` declares; what somebody set or removed by hand stays as that is.

    ``before`` is what the source declared until now: what still is as it was declared follows the new declaration.
    """
    return replace(
        settings,
        environment=_environment(settings.environment, _variables(manifest), _variables(before)),
        allowed_outbound_hosts=_hosts(settings.allowed_outbound_hosts, _hosts_of(manifest), _hosts_of(before)),
    )


def missing_variables(settings: FunctionSettings, manifest: SpinManifest | None) -> tuple[str, ...]:
    """Variables that have no default and that nobody has given a value yet."""
    if manifest is None:
        return ()
    given = {variable.name.lower() for variable in settings.environment if variable.value}
    return tuple(
        name
        for name, template in manifest.bindings.items()
        if manifest.resolved(template) is None and name not in given
    )


def _variables(manifest: SpinManifest | None) -> Mapping[str, EnvironmentVariable]:
    """By name in lower case: to Spin that is one variable, however it is spelled."""
    if manifest is None:
        return {}
    found = [EnvironmentVariable(name, value, plain=True) for name, value in manifest.environment.items()]
    for name, template in manifest.bindings.items():
        value = manifest.resolved(template)
        if value is not None:
            found.append(EnvironmentVariable(name, value, plain=not manifest.is_secret(template)))
    return {variable.name.lower(): variable for variable in found}


def _environment(
    now: tuple[EnvironmentVariable, ...],
    wanted: Mapping[str, EnvironmentVariable],
    before: Mapping[str, EnvironmentVariable],
) -> tuple[EnvironmentVariable, ...]:
    kept: list[EnvironmentVariable] = []
    for variable in now:
        name = variable.name.lower()
        by_hand = name not in before or before[name].value != variable.value
        if by_hand:
            kept.append(variable)
        elif name in wanted:
            kept.append(wanted[name])
    there = {variable.name.lower() for variable in now}
    return (*kept, *(wanted[name] for name in wanted if name not in there and wanted[name] != before.get(name)))


def _hosts_of(manifest: SpinManifest | None) -> tuple[str, ...]:
    if manifest is None:
        return ()
    return tuple(
        host.rstrip("/") for host in (manifest.resolved(item) for item in manifest.allowed_outbound_hosts) if host
    )


def _hosts(now: tuple[str, ...], wanted: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    kept = [host for host in now if host not in before or host in wanted]
    return (*kept, *(host for host in wanted if host not in now and host not in before))
