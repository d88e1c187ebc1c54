"""``spin.toml``, read for what it says about an application. Its build command is looked at and never run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faasweb.domain.build_commands import HOW_TO_BUILD, CommandRefused, built_module
from faasweb.domain.errors import InvalidInput

MANIFEST = "spin.toml"
MANIFEST_LIMIT = 100_000  # characters
ANY_ROUTE = "/..."

_VARIABLE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_REFERENCE = re.compile(r"\{\{([^{}]*)\}\}")
# Strings and comments, whose dots mean nothing to the parser.
_QUOTED = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*", re.DOTALL
)
_DOTS = 50  # in a line: what tomllib does for a key of n parts takes n * n steps


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the application. Without ``default`` somebody has to give it a value."""

    default: str | None = None
    secret: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """Files the component sees: what matches ``source``, at its own path or, with ``destination``, below that."""

    source: str
    destination: str = ""


@dataclass(frozen=True, slots=True)
class SpinManifest:
    """One application of one Python component behind one HTTP trigger.

    ``variables`` are the application's own; ``bindings`` are what the component calls its variables, each a template
    over the application's ones. ``exclude_files`` are patterns that ``files`` leave out.
    """

    name: str
    version: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    component: str = ""
    route: str = ANY_ROUTE
    module: str = "app"
    variables: Mapping[str, Variable] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    allowed_outbound_hosts: tuple[str, ...] = ()
    key_value_stores: tuple[str, ...] = ()
    sqlite_databases: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Files, ...] = ()
    exclude_files: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> SpinManifest:
        """InvalidInput names the key. Keys that mean nothing here are passed over."""
        root = _Table(_parsed(text), "")
        if root.value.get("spin_manifest_version") != 2:
            raise _refused("spin_manifest_version", "only version 2 of the manifest is supported: write 2")
        application = root.table("application")
        component_id, component = _only_component(root)
        variables = _variables(root.table("variables"))
        bindings = _bindings(component, variables)
        return cls(
            name=application.text("name", required=True),
            version=application.text("version"),
            description=application.text("description"),
            authors=application.texts("authors"),
            component=component_id,
            route=_route(root, component_id),
            module=_module(component.table("build")),
            variables=variables,
            bindings=bindings,
            allowed_outbound_hosts=component.texts("allowed_outbound_hosts"),
            key_value_stores=component.texts("key_value_stores"),
            sqlite_databases=component.texts("sqlite_databases"),
            environment=component.table("environment").texts_by_name(),
            files=_files(component),
            exclude_files=component.texts("exclude_files"),
        )

    def resolved(self, template: str) -> str | None:
        """``template`` with the defaults of the variables it names; None when one of them has none."""
        values = {name: variable.default for name, variable in self.variables.items()}
        if any(values.get(name) is None for name in references(template)):
            return None
        return _REFERENCE.sub(lambda match: values[match[1].strip()] or "", template)

    def is_secret(self, template: str) -> bool:
        return any(name in self.variables and self.variables[name].secret for name in references(template))


def written_manifest(name: str, module: str) -> str:
    """A ``spin.toml`` for a source that has none."""
    return f"""\
spin_manifest_version = 2

[application]
name = "{name}"
version = "0.1.0"

[[trigger.http]]
route = "{ANY_ROUTE}"
component = "{name}"

[component.{name}]
source = "app.wasm"

[component.{name}.build]
command = "componentize-py -w spin-http componentize {module} -o app.wasm"
"""


def references(template: str) -> tuple[str, ...]:
    """The names of variables in a template such as ``{{ host }}/path``."""
    return tuple(name.strip() for name in _REFERENCE.findall(template))


def _refused(key: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{MANIFEST}, {key}: {problem}.", field="file")


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text) > MANIFEST_LIMIT:
        raise InvalidInput(f"{MANIFEST} has more than {MANIFEST_LIMIT:,} characters.", field="file")
    if any(line.count(".") > _DOTS for line in _QUOTED.sub("", text).split("\n")):
        raise InvalidInput(f"{MANIFEST} is nested too deep.", field="file")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except ValueError as exc:
        raise InvalidInput(f"{MANIFEST} is not valid TOML: {exc}.", field="file") from exc
    except RecursionError as exc:
        raise InvalidInput(f"{MANIFEST} is nested too deep.", field="file") from exc


@dataclass(frozen=True, slots=True)
class _Table:
    """A table at its key, so that every refusal can say where."""

    value: Mapping[str, Any]
    key: str

    def at(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def table(self, name: str) -> _Table:
        found = self.value.get(name, {})
        if not isinstance(found, dict):
            raise _refused(self.at(name), "a table is expected")
        return _Table(found, self.at(name))

    def text(self, name: str, *, required: bool = False) -> str:
        found = self.value.get(name, "")
        if not isinstance(found, str):
            raise _refused(self.at(name), "text in quotes is expected")
        if required and not found.strip():
            raise _refused(self.at(name), "this must be given")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.value.get(name, [])
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise _refused(self.at(name), "a list of texts in quotes is expected")
        return tuple(found)

    def texts_by_name(self) -> Mapping[str, str]:
        return {name: self.text(name) for name in self.value}

    def flag(self, name: str) -> bool:
        found = self.value.get(name, False)
        if not isinstance(found, bool):
            raise _refused(self.at(name), "true or false is expected")
        return found


def _only_component(root: _Table) -> tuple[str, _Table]:
    components = root.table("component")
    if len(components.value) != 1:
        raise _refused("component", f"one Python component is supported, and here are {len(components.value)}")
    (name,) = components.value
    return name, components.table(name)


def _route(root: _Table, component: str) -> str:
    trigger = root.table("trigger")
    other = sorted(set(trigger.value) - {"http"})
    if other:
        raise _refused(f"trigger.{other[0]}", "one Python component behind an HTTP trigger is supported, no other one")
    found = trigger.value.get("http", [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found) or len(found) != 1:
        count = f"here are {len(found)}" if isinstance(found, list) else "this is no list"
        raise _refused("trigger.http", f"one Python component with one [[trigger.http]] is supported, and {count}")
    http = _Table(found[0], "trigger.http")
    if http.text("component", required=True) != component:
        raise _refused("trigger.http.component", f"the component is called {component!r}")
    route = http.text("route", required=True)
    if not route.startswith("/"):
        raise _refused("trigger.http.route", "a route starts with /")
    return route


def _variables(table: _Table) -> Mapping[str, Variable]:
    found: dict[str, Variable] = {}
    for name in table.value:
        if not _VARIABLE.match(name):
            raise _refused(table.at(name), "a variable's name has lower-case letters, digits and single _")
        own = table.table(name)
        default = own.text("default") if "default" in own.value else None
        if default is None and not own.flag("required"):
            raise _refused(own.key, "give it a default, or write required = true")
        found[name] = Variable(default, own.flag("secret"), own.text("description"))
    return found


def _bindings(component: _Table, variables: Mapping[str, Variable]) -> Mapping[str, str]:
    table = component.table("variables")
    for name, template in table.texts_by_name().items():
        if not _VARIABLE.match(name):
            raise _refused(table.at(name), "a variable's name has lower-case letters, digits and single _")
        for wanted in references(template):
            if wanted not in variables:
                raise _refused(table.at(name), f"there is no variable {wanted!r} in [variables]")
    return table.texts_by_name()


def _files(component: _Table) -> tuple[Files, ...]:
    listed = component.value.get("files", [])
    if not isinstance(listed, list):
        raise _refused(component.at("files"), "a list is expected")
    found = []
    for item in listed:
        if isinstance(item, str):
            found.append(Files(item))
        elif isinstance(item, dict):
            table = _Table(item, component.at("files"))
            found.append(Files(table.text("source", required=True), table.text("destination", required=True)))
        else:
            raise _refused(component.at("files"), "each is a text in quotes, or a table with source and destination")
    return tuple(found)


def _module(build: _Table) -> str:
    """What the build command compiles. Without a command it is the module ``app``."""
    if build.text("workdir") not in ("", "."):
        raise _refused(build.at("workdir"), "builds run in the root directory: put the Python files there")
    if "command" not in build.value:
        return "app"
    try:
        return built_module(build.value["command"])
    except CommandRefused as exc:
        raise _refused(build.at("command"), f"{exc}: {HOW_TO_BUILD}") from exc
