"""Connects the imports of a component with the functions of ``interfaces``."""

from collections.abc import Callable
from typing import Any

from wasmtime import Engine
from wasmtime import component as wasm

from faasweb.wasmhost.abi_shapes import Codec, Err
from faasweb.wasmhost.interfaces import (  # noqa: F401 - importing them registers their functions
    cli,
    clocks,
    filesystem,
    http_incoming,
    http_outgoing,
    io,
    key_value,
    outgoing,
    random,
    sqlite,
    variables,
)
from faasweb.wasmhost.interfaces.registry import FUNCTIONS, resource_type
from faasweb.wasmhost.native import HostFunction, LinkerInstance, LinkerRoot, function_codecs
from faasweb.wasmhost.sandbox import Sandbox

# The error cases that carry a text, in the order of preference.
TEXT_CASES = ("other", "runtime-error", "io", "upstream")

ImportKey = tuple[tuple[str, tuple[str, ...]], ...]


class NotAvailable(Exception):
    """The guest called an interface that this host does not have."""


class Linkers:
    """One linker per set of imports: functions built with the same SDK share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._linkers: dict[ImportKey, wasm.Linker] = {}

    def linker_for(self, component: wasm.Component) -> wasm.Linker:
        """A linker that answers every import of ``component``."""
        interfaces = self._imported_interfaces(component)
        key = tuple((name, tuple(sorted(members))) for name, members in sorted(interfaces.items()))
        if key not in self._linkers:
            self._linkers[key] = self._link(interfaces)
        return self._linkers[key]

    def _imported_interfaces(self, component: wasm.Component) -> dict[str, dict[str, Any]]:
        interfaces = {}
        for name, item in component.type.imports(self._engine).items():
            item_type = getattr(item, "ty", item)
            if isinstance(item_type, wasm.ComponentInstanceType):
                members = item_type.exports(self._engine).items()
                interfaces[name] = {member: getattr(value, "ty", value) for member, value in members}
        return interfaces

    def _link(self, interfaces: dict[str, dict[str, Any]]) -> wasm.Linker:
        linker = wasm.Linker(self._engine)
        root = LinkerRoot(linker)
        for name, members in interfaces.items():
            instance = root.instance(name)
            for member, member_type in members.items():
                _define(instance, name.partition("@")[0], member, member_type)
            instance.close()
        root.close()
        return linker


def _define(instance: LinkerInstance, interface: str, member: str, member_type: Any) -> None:
    if isinstance(member_type, wasm.ResourceType):
        instance.add_resource(member, resource_type(interface, member))
    elif isinstance(member_type, wasm.FuncType):
        name = f"{interface}#{member}"
        lifts, result = function_codecs(member_type)
        implementation = FUNCTIONS.get(name) or _unavailable(interface, result)
        instance.add_function(member, HostFunction(name, lifts, result, implementation))


def _unavailable(interface: str, result: Codec | None) -> Callable[..., Any]:
    """Says so: as an error the guest can handle when its type allows a text, otherwise by ending it."""
    message = f"{interface} is not available in the local runtime"
    case = next((case for case in TEXT_CASES if result and result.cases.get(case)), None)

    def refuse(guest: Sandbox, *_arguments: Any) -> Any:
        guest.log.system(message)
        if case is None:
            raise NotAvailable(message)
        raise Err((case, message))

    return refuse
