"""Spin variables, and the same values through wasi:config."""

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.registry import Interface
from faasweb.wasmhost.sandbox import Sandbox

variables = Interface("fermyon:spin/variables", "spin:variables/variables")
config = Interface("wasi:config/store", "wasi:config/runtime")


@variables.function("get")
def get_variable(guest: Sandbox, name: str) -> str:
    if name not in guest.release.variables:
        raise Err(("undefined", name))
    return guest.release.variables[name]


@config.function("get")
def get_config(guest: Sandbox, name: str) -> str | None:
    return guest.release.variables.get(name)


@config.function("get-all")
def get_all_config(guest: Sandbox) -> list[tuple[str, str]]:
    return list(guest.release.variables.items())
