"""Which host function answers which import, and which class is which resource.

A module of this package declares an interface and decorates its functions; ``linker.py`` looks them up by name
(without the version: ``wasi:io/poll#poll``). Each function takes the sandbox first.
"""

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
Resource = TypeVar("Resource", bound=type)

FUNCTIONS: dict[str, Callable[..., Any]] = {}
RESOURCE_TYPES: dict[tuple[str, str], int] = {}
_numbers = itertools.count(1)


class Interface:
    """Registers the functions of one interface, or of several with the same functions."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def function(self, *functions: str) -> Callable[[Function], Function]:
        """Answer these functions."""

        def register(implementation: Function) -> Function:
            for name in self.names:
                for function in functions:
                    FUNCTIONS[f"{name}#{function}"] = implementation
            return implementation

        return register

    def constructor(self, resource: str) -> Callable[[Function], Function]:
        return self.function(f"[constructor]{resource}")

    def static(self, resource: str, name: str) -> Callable[[Function], Function]:
        return self.function(f"[static]{resource}.{name}")

    def method(self, resource: str, *names: str) -> Callable[[Function], Function]:
        return self.function(*(f"[method]{resource}.{name}" for name in names))


def resource(scope: str, *names: str) -> Callable[[Resource], Resource]:
    """Make a class the host side of a resource.

    ``scope`` is an interface, or ``wasi`` for resources that other wasi interfaces use under the same name.
    """

    def register(cls: Resource) -> Resource:
        number = next(_numbers)
        cls.RESOURCE_TYPE = number  # type: ignore[attr-defined]
        for name in names:
            RESOURCE_TYPES[scope, name] = number
        return cls

    return register


def resource_type(interface: str, name: str) -> int:
    """The number of a resource; one that nothing here provides gets a number of its own."""
    scope = interface.partition(":")[0] if interface.startswith("wasi:") else interface
    return RESOURCE_TYPES.setdefault((scope, name), 0) or _new_type(scope, name)


def _new_type(scope: str, name: str) -> int:
    RESOURCE_TYPES[scope, name] = next(_numbers)
    return RESOURCE_TYPES[scope, name]
