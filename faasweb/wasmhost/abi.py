"""The component ABI: values in and out of a guest, and every private wasmtime call of this package.

The public ``wasmtime.component`` API converts each value by asking the type again on every call, and has no form for
epoch callbacks. Here a codec is built once per type. Because ``wasmtime._ffi`` is private, its version is pinned
exactly and ``tests/contract/test_wasmhost_abi.py`` fails loudly when a shape changes.

A Python value stands for a component value like this: records are dicts, variants ``(case, payload)``, enums and
flags names, ``list<u8>`` bytes, option ``None`` or the value, result the value or an ``Err``, resources the Python
object itself. ``Some(None)`` cannot be told from ``None``; no interface served here has such a type.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime import _ffi as ffi
from wasmtime import component as wasm

from faasweb.wasmhost.abi_shapes import (
    KIND,
    PRIMITIVES,
    Cell,
    Codec,
    Context,
    byte_list_codec,
    check,
    enum_codec,
    flags_codec,
    list_codec,
    option_codec,
    primitive_codec,
    record_codec,
    result_codec,
    string_codec,
    tuple_codec,
    variant_codec,
)

MAX_HANDLES = 10_000


class TooManyHandles(Exception):
    """The guest holds more host objects than any honest function needs."""


class ResourceTable:
    """The host objects that one guest instance holds handles to, at most ``MAX_HANDLES``."""

    __slots__ = ("_next", "_objects")

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, value: Any) -> int:
        """Raises TooManyHandles."""
        if len(self._objects) >= MAX_HANDLES:
            raise TooManyHandles(f"more than {MAX_HANDLES} handles at a time")
        number = self._next
        self._next += 1
        self._objects[number] = value
        return number

    def get(self, number: int) -> Any:
        return self._objects[number]

    def take(self, number: int) -> Any:
        return self._objects.pop(number, None)

    def clear(self) -> None:
        self._objects.clear()


# Which table a callback belongs to: a guest runs on one thread from start to end, so the caller sets this per thread.
TableOfThread = Callable[[], ResourceTable]


def _resource(owned: bool, table_of_thread: TableOfThread) -> Codec:
    def lift(context: Context, cell: Cell) -> Any:
        handle = ctypes.POINTER(ffi.wasmtime_component_resource_host_t)()
        check(ffi.wasmtime_component_resource_any_to_host(context, cell.of.resource, ctypes.byref(handle)))
        number = ffi.wasmtime_component_resource_host_rep(handle)
        ffi.wasmtime_component_resource_host_delete(handle)
        return table_of_thread().take(number) if owned else table_of_thread().get(number)

    def lower(context: Context, value: Any, cell: Cell) -> None:
        lower_resource(context, value, table_of_thread(), cell)

    return Codec(lift, lower, {})


def lower_resource(context: Context, value: Any, table: ResourceTable, cell: Cell) -> None:
    """Give the guest an owned handle to ``value``, whose class has a ``RESOURCE_TYPE`` number."""
    handle = ffi.wasmtime_component_resource_host_new(True, table.add(value), value.RESOURCE_TYPE)
    resource = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
    error = ffi.wasmtime_component_resource_host_to_any(context, handle, ctypes.byref(resource))
    ffi.wasmtime_component_resource_host_delete(handle)
    check(error)
    cell.kind = KIND["RESOURCE"]
    cell.of.resource = resource


def codec(value_type: Any, table_of_thread: TableOfThread) -> Codec:
    """The codec of one component type. Raises TypeError for a type this host does not know (streams, futures)."""

    def of(inner: Any) -> Codec:
        return codec(inner, table_of_thread)

    def optional(inner: Any) -> Codec | None:
        return None if inner is None else of(inner)

    kind = type(value_type)
    if kind in PRIMITIVES:
        return primitive_codec(*PRIMITIVES[kind])
    build: dict[type, Callable[[], Codec]] = {
        wasm.String: string_codec,
        wasm.ListType: lambda: (
            byte_list_codec() if isinstance(value_type.element, wasm.U8) else list_codec(of(value_type.element))
        ),
        wasm.TupleType: lambda: tuple_codec([of(element) for element in value_type.elements]),
        wasm.RecordType: lambda: record_codec([(name, of(field)) for name, field in value_type.fields]),
        wasm.VariantType: lambda: variant_codec({name: optional(case) for name, case in value_type.cases}),
        wasm.EnumType: lambda: enum_codec(list(value_type.names)),
        wasm.OptionType: lambda: option_codec(of(value_type.payload)),
        wasm.ResultType: lambda: result_codec(optional(value_type.ok), optional(value_type.err)),
        wasm.FlagsType: flags_codec,
        wasm.OwnType: lambda: _resource(True, table_of_thread),
        wasm.BorrowType: lambda: _resource(False, table_of_thread),
    }
    if kind not in build:
        raise TypeError(f"the host has no codec for {kind.__name__}")
    return build[kind]()
