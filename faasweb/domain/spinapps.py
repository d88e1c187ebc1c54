"""A function as SpinKube runs it: what was asked for, what the installation gives, what is deployed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from faasweb.domain import names
from faasweb.domain.errors import InvalidInput, NamespaceMissing
from faasweb.domain.functions import EnvironmentVariable
from faasweb.domain.quantities import amount, is_amount

SHIM_MB = 256  # what a pod needs beside the function's own memory; the earlier system gave 500 Mi to 256 MB
RESOURCES = ("cpu_limit", "memory_limit", "cpu_request", "memory_request")
REPLICAS_LIMIT = 1000
SCHEDULING_LIMIT = 20_000  # characters of tolerations, or of an affinity, as JSON; they are kept in an annotation
SCHEDULING_DEPTH = 20
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\Z")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
_IMAGE = re.compile(r"[!-~]{1,1000}\Z")


@dataclass(frozen=True, slots=True)
class AppOptions:
    """How somebody wants an app to run. None: not given, so that what is deployed, or the installation, decides.

    ``namespace`` is where a function runs that may choose; an app that is given with its namespace needs none here.
    """

    namespace: str | None = None
    service_account: str | None = None
    cpu_limit: str | None = None
    memory_limit: str | None = None
    cpu_request: str | None = None
    memory_request: str | None = None
    autoscaling: bool | None = None
    replicas: int | None = None
    use_spot: bool | None = None
    tolerations: Sequence[Mapping[str, object]] | None = None
    affinity: Mapping[str, object] | None = None
    pull_secrets: Sequence[str] | None = None
    executor: str | None = None

    @property
    def given(self) -> Mapping[str, object]:
        """The options that are given, by name."""
        values = {item.name: getattr(self, item.name) for item in fields(AppOptions)}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def named(cls, values: Mapping[str, object]) -> AppOptions:
        """Of values by name, as ``given`` has them; other names are passed over."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})  # type: ignore[arg-type]

    def over(self, earlier: AppOptions) -> AppOptions:
        """These, and what they leave open as it was before; but no request from before above a limit of now."""
        merged = {**earlier.given, **self.given}
        for kind in ("cpu", "memory"):
            request, limit = f"{kind}_request", f"{kind}_limit"
            if request not in self.given and limit in self.given and request in merged:
                wanted, most = str(merged[request]), str(merged[limit])
                if is_amount(wanted) and is_amount(most) and amount(wanted, request) > amount(most, limit):
                    merged[request] = most
        return AppOptions.named(merged)

    def without(self, names: Collection[str]) -> AppOptions:
        """These, with some of them open again."""
        return AppOptions.named({name: value for name, value in self.given.items() if name not in names})

    def checked(self) -> AppOptions:
        """In normal form; InvalidInput names the first field that breaks a rule, as the JSON API spells it."""
        amounts = {name: amount(text, name) for name in RESOURCES if (text := getattr(self, name)) is not None}
        for kind in ("cpu", "memory"):
            request, limit = f"{kind}_request", f"{kind}_limit"
            if request in amounts and limit in amounts and amounts[request] > amounts[limit]:
                raise _over_limit(request, getattr(self, request), limit, getattr(self, limit))
        if self.autoscaling is False:
            _check_replicas(self.replicas)
        if self.replicas is not None and self.replicas > REPLICAS_LIMIT:
            raise InvalidInput(
                f"replicas is at most {REPLICAS_LIMIT:,}, not {str(self.replicas)[:60]}.", field="replicas"
            )
        _check_scheduling(self.tolerations, "custom_tolerations")
        _check_scheduling(self.affinity, "custom_affinity")
        _check(_SUBDOMAIN, self.service_account, "service_account", "the name of a service account")
        _check(_LABEL, self.executor, "executor", "the name of a SpinAppExecutor")
        for name in self.pull_secrets or ():
            _check(_SUBDOMAIN, name, "pull_secrets", "the name of a secret")
        return replace(self, replicas=None) if self.autoscaling else self


NO_OPTIONS = AppOptions()


@dataclass(frozen=True, slots=True)
class AppDefaults:
    """What the installation gives to an app that asks for nothing else."""

    executor: str = "containerd-shim-spin"
    service_account: str = ""
    pull_secrets: tuple[str, ...] = ()
    cpu_limit: str = "500m"
    memory_limit: str = "500Mi"
    cpu_request: str = "100m"
    memory_request: str = "400Mi"
    autoscaling: bool = True
    replicas: int = 1
    max_replicas: int = 10
    cpu_percent: int = 50
    use_spot: bool = True


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An app to deploy. ``memory_mb`` is its function's own memory; a change of it changes the pods' limit.

    ``variables`` None keeps those that are deployed. With ``complete`` all options are here that were ever chosen: what
    an earlier complete one chose and this one leaves open goes back to the installation's.
    """

    namespace: str
    name: str
    image: str
    function_id: str | None = None
    options: AppOptions = NO_OPTIONS
    variables: tuple[EnvironmentVariable, ...] | None = field(default=None, repr=False)
    memory_mb: int | None = None
    complete: bool = False

    def checked(self) -> AppSpec:
        """In normal form: ``My App`` is deployed as ``my-app``. InvalidInput, NamespaceMissing."""
        name = names.app_name(self.name)
        if not name:
            raise InvalidInput(
                f"{self.name[:60]!r} can't be an app's name: it needs a letter from a to z.", field="app_name"
            )
        if not _LABEL.match(self.namespace):
            raise NamespaceMissing.of(self.namespace)
        if not _IMAGE.match(self.image):
            raise InvalidInput(f"{self.image[:60]!r} is no image.", field="image_ref")
        _check(_LABEL_VALUE, self.function_id, "function_id", "a function's id")
        return replace(self, name=name, options=self.options.checked())


@dataclass(frozen=True, slots=True)
class Deployed:
    """What of an app is in the cluster. ``chosen`` names the options that a complete spec had chosen.

    ``variables`` and ``variables_version`` are as the manifest has them: values of secrets can't be read from it.
    """

    options: AppOptions
    image: str = ""
    function_id: str | None = None
    ours: bool = True
    chosen: frozenset[str] = frozenset()
    memory_mb: int | None = None
    variables: tuple[Mapping[str, object], ...] = ()
    variables_version: str = ""


NOTHING = Deployed(NO_OPTIONS)


def completed(spec: AppSpec, defaults: AppDefaults, deployed: Deployed = NOTHING) -> AppSpec:
    """With every option decided: as given, else as deployed, else as the installation has it. InvalidInput."""
    given = dict(spec.options.given)
    kept = dict(deployed.options.given)
    kept = {name: value for name, value in kept.items() if name not in RESOURCES or is_amount(str(value))}
    if spec.complete:
        kept = {name: value for name, value in kept.items() if name not in deployed.chosen}
    if spec.memory_mb is not None and spec.memory_mb != deployed.memory_mb:
        kept = {name: value for name, value in kept.items() if not name.startswith("memory_")}
    if given.get("autoscaling", kept.get("autoscaling", defaults.autoscaling)):
        given.pop("replicas", None)
        kept.pop("replicas", None)
    options = AppOptions(**{**_defaults_for(spec, defaults), **kept, **given})  # type: ignore[arg-type]
    if options.autoscaling:
        options = replace(options, replicas=None)
    _check_replicas(options.replicas)
    return replace(spec, options=_fitting(options, given))


def _defaults_for(spec: AppSpec, defaults: AppDefaults) -> Mapping[str, object]:
    memory = {"memory_limit": defaults.memory_limit, "memory_request": defaults.memory_request}
    if spec.memory_mb is not None:
        memory = {"memory_limit": f"{spec.memory_mb + SHIM_MB}Mi", "memory_request": f"{spec.memory_mb}Mi"}
    return {
        **memory,
        "cpu_limit": defaults.cpu_limit,
        "cpu_request": defaults.cpu_request,
        "executor": defaults.executor,
        "service_account": defaults.service_account or None,
        "pull_secrets": defaults.pull_secrets,
        "autoscaling": defaults.autoscaling,
        "replicas": defaults.replicas,
        "use_spot": defaults.use_spot,
    }


def _fitting(options: AppOptions, given: Mapping[str, object]) -> AppOptions:
    """No request above its limit: one that nobody gave now is lowered, a given one is refused."""
    for kind in ("cpu", "memory"):
        request, limit = f"{kind}_request", f"{kind}_limit"
        wanted, most = str(getattr(options, request)), str(getattr(options, limit))
        if amount(wanted, request) <= amount(most, limit):
            continue
        if request in given:
            raise _over_limit(request, wanted, limit, most)
        options = replace(options, **{request: most})  # type: ignore[arg-type]
    return options


def _check_replicas(replicas: int | None) -> None:
    if replicas is not None and replicas < 1:
        raise InvalidInput(f"replicas must be at least 1, not {replicas}.", field="replicas", value=replicas)


def _over_limit(request: str, wanted: str, limit: str, most: str) -> InvalidInput:
    message = f"{request} {wanted!r} is more than {limit} {most!r}: give a higher limit, or request less."
    return InvalidInput(message, field=request, value=wanted)


def _check_scheduling(value: object, name: str) -> None:
    level = [value]
    for _depth in range(SCHEDULING_DEPTH):
        level = [child for item in level for child in _children(item)]
    if level or len(json.dumps(value)) > SCHEDULING_LIMIT:
        message = (
            f"{name} is nested too deep or longer than {SCHEDULING_LIMIT:,} characters: leave out what is not needed."
        )
        raise InvalidInput(message, field=name)


def _children(item: object) -> list[object]:
    if isinstance(item, Mapping):
        return list(item.values())
    return list(item) if isinstance(item, Sequence) and not isinstance(item, str) else []


def _check(pattern: re.Pattern[str], value: str | None, name: str, meaning: str) -> None:
    if value is not None and not pattern.match(value):
        raise InvalidInput(f"{name} {value[:60]!r} is not {meaning}.", field=name, value=value[:60])


@dataclass(frozen=True, slots=True)
class AppStatus:
    """How an app does. ``endpoint`` is the bare name its Service has in the cluster, once it has an address.

    ``service_status`` is ``found``, ``pending`` or ``not_found``. ``rolled_out`` is true when every pod runs what was
    applied last; ``problems`` are sentences about pods that don't, and ``notes`` what else is worth knowing.
    """

    namespace: str
    name: str
    image: str
    function_id: str | None
    service_status: str
    endpoint: str | None
    ready: int
    desired: int
    rolled_out: bool
    options: AppOptions
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """``0 of 2 pods run: the image can't be pulled (unauthorized).``"""
        pods = "pod runs" if self.desired == 1 else "pods run"
        reason = f": {'; '.join(self.problems)}" if self.problems else ""
        return f"{self.ready} of {self.desired} {pods}{reason}."


@dataclass(frozen=True, slots=True)
class LiveApp:
    """An app of ours as it is found in the cluster. ``replicas`` is None with autoscaling."""

    namespace: str
    name: str
    image: str
    function_id: str | None
    ready: int
    replicas: int | None
    changed_by: tuple[str, ...] = ()
