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
from dataclasses import dataclass
from typing import Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime import component as wasm

Context = Any  # a wasmtime_context_t pointer
Cell = Any  # a wasmtime_component_val_t structure or pointer element
Lift = Callable[[Context, Cell], Any]
Lower = Callable[[Context, Any, Cell], None]

VALUE = ffi.wasmtime_component_val_t
VALUE_SIZE = ctypes.sizeof(VALUE)
PAYLOAD_OFFSET = VALUE.of.offset
KIND = {
    name: getattr(ffi, f"WASMTIME_COMPONENT_{name}").value
    for name in [
        "BOOL",
        "S8",
        "U8",
        "S16",
        "U16",
        "S32",
        "U32",
        "S64",
        "U64",
        "F32",
        "F64",
        "CHAR",
        "STRING",
        "LIST",
        "RECORD",
        "TUPLE",
        "VARIANT",
        "ENUM",
        "OPTION",
        "RESULT",
        "FLAGS",
        "RESOURCE",
    ]
}
PRIMITIVES = {
    wasm.Bool: (KIND["BOOL"], "boolean"),
    wasm.U8: (KIND["U8"], "u8"),
    wasm.U16: (KIND["U16"], "u16"),
    wasm.U32: (KIND["U32"], "u32"),
    wasm.U64: (KIND["U64"], "u64"),
    wasm.S8: (KIND["S8"], "s8"),
    wasm.S16: (KIND["S16"], "s16"),
    wasm.S32: (KIND["S32"], "s32"),
    wasm.S64: (KIND["S64"], "s64"),
    wasm.F32: (KIND["F32"], "f32"),
    wasm.F64: (KIND["F64"], "f64"),
    wasm.Char: (KIND["CHAR"], "character"),
}
BYTES = ctypes.POINTER(ctypes.c_uint8)


class Err(Exception):
    """Raised (or returned) by a host function: the ``err`` case of its result, with this payload."""

    def __init__(self, value: Any = None) -> None:
        super().__init__(value)
        self.value = value


@dataclass(frozen=True, slots=True)
class Ok:
    """An explicit ``ok`` case, needed only where results are nested."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type cross the border. ``cases`` names a variant's cases and whether they carry a value."""

    lift: Lift
    lower: Lower
    cases: dict[str, bool]


class ResourceTable:
    """The host objects that one guest instance holds handles to."""

    __slots__ = ("_next", "_objects")

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, value: Any) -> int:
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


def check(error: Any) -> None:
    """Raise the error that a wasmtime call returned, if it returned one."""
    if error:
        raise WasmtimeError._from_ptr(error)


def _bytes_to_c(data: bytes) -> Any:
    vector = ffi.wasm_byte_vec_t()
    ffi.wasm_byte_vec_new(ctypes.byref(vector), len(data), ctypes.cast(ctypes.c_char_p(data), BYTES))
    return vector


def _text_from_c(vector: Any) -> str:
    return ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace") if vector.size else ""


def _boxed(lower: Lower, context: Context, value: Any) -> Any:
    cell = VALUE()
    lower(context, value, cell)
    return ffi.wasmtime_component_val_new(ctypes.byref(cell))


def _primitive(kind: int, field: str) -> Codec:
    def lower(context: Context, value: Any, cell: Cell) -> None:
        cell.kind = kind
        setattr(cell.of, field, value)

    return Codec(lambda context, cell: getattr(cell.of, field), lower, {})


def _string() -> Codec:
    kind = KIND["STRING"]

    def lower(context: Context, value: str, cell: Cell) -> None:
        cell.kind = kind
        cell.of.string = _bytes_to_c(value.encode("utf-8", "replace"))

    return Codec(lambda context, cell: _text_from_c(cell.of.string), lower, {})


def _byte_list() -> Codec:
    """``list<u8>``: one strided copy instead of a Python loop over 32-byte cells."""
    kind = KIND["LIST"]
    element_kind = bytes([KIND["U8"]])

    def lift(context: Context, cell: Cell) -> bytes:
        cells = cell.of.list
        if not cells.size:
            return b""
        return ctypes.string_at(cells.data, cells.size * VALUE_SIZE)[PAYLOAD_OFFSET::VALUE_SIZE]

    def lower(context: Context, value: bytes, cell: Cell) -> None:
        cells = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(cells), len(value))
        if value:
            raw = bytearray(len(value) * VALUE_SIZE)
            raw[0::VALUE_SIZE] = element_kind * len(value)
            raw[PAYLOAD_OFFSET::VALUE_SIZE] = value
            ctypes.memmove(cells.data, (ctypes.c_char * len(raw)).from_buffer(raw), len(raw))
        cell.kind = kind
        cell.of.list = cells

    return Codec(lift, lower, {})


def _list(element: Codec) -> Codec:
    kind = KIND["LIST"]

    def lift(context: Context, cell: Cell) -> list[Any]:
        cells = cell.of.list
        return [element.lift(context, cells.data[index]) for index in range(cells.size)]

    def lower(context: Context, value: list[Any], cell: Cell) -> None:
        cells = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(cells), len(value))
        for index, item in enumerate(value):
            element.lower(context, item, cells.data[index])
        cell.kind = kind
        cell.of.list = cells

    return Codec(lift, lower, {})


def _tuple(elements: list[Codec]) -> Codec:
    kind = KIND["TUPLE"]

    def lift(context: Context, cell: Cell) -> tuple[Any, ...]:
        cells = cell.of.tuple.data
        return tuple(element.lift(context, cells[index]) for index, element in enumerate(elements))

    def lower(context: Context, value: tuple[Any, ...], cell: Cell) -> None:
        cells = ffi.wasmtime_component_valtuple_t()
        ffi.wasmtime_component_valtuple_new_uninit(ctypes.byref(cells), len(elements))
        for index, element in enumerate(elements):
            element.lower(context, value[index], cells.data[index])
        cell.kind = kind
        cell.of.tuple = cells

    return Codec(lift, lower, {})


def _record(fields: list[tuple[str, Codec]]) -> Codec:
    kind = KIND["RECORD"]

    def lift(context: Context, cell: Cell) -> dict[str, Any]:
        entries = cell.of.record.data
        return {name: field.lift(context, entries[index].val) for index, (name, field) in enumerate(fields)}

    def lower(context: Context, value: dict[str, Any], cell: Cell) -> None:
        entries = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(entries), len(fields))
        for index, (name, field) in enumerate(fields):
            entries.data[index].name = _bytes_to_c(name.encode())
            field.lower(context, value[name], entries.data[index].val)
        cell.kind = kind
        cell.of.record = entries

    return Codec(lift, lower, {})


def _variant(cases: dict[str, Codec | None]) -> Codec:
    kind = KIND["VARIANT"]

    def lift(context: Context, cell: Cell) -> tuple[str, Any]:
        variant = cell.of.variant
        name = _text_from_c(variant.discriminant)
        payload = cases[name]
        return name, (payload.lift(context, variant.val.contents) if payload else None)

    def lower(context: Context, value: tuple[str, Any], cell: Cell) -> None:
        name, content = value
        payload = cases[name]
        cell.kind = kind
        cell.of.variant.discriminant = _bytes_to_c(name.encode())
        cell.of.variant.val = _boxed(payload.lower, context, content) if payload else None

    return Codec(lift, lower, {name: payload is not None for name, payload in cases.items()})


def _enum(names: list[str]) -> Codec:
    kind = KIND["ENUM"]

    def lower(context: Context, value: str, cell: Cell) -> None:
        cell.kind = kind
        cell.of.enumeration = _bytes_to_c(value.encode())

    return Codec(lambda context, cell: _text_from_c(cell.of.enumeration), lower, dict.fromkeys(names, False))


def _option(payload: Codec) -> Codec:
    kind = KIND["OPTION"]

    def lift(context: Context, cell: Cell) -> Any:
        return payload.lift(context, cell.of.option.contents) if cell.of.option else None

    def lower(context: Context, value: Any, cell: Cell) -> None:
        cell.kind = kind
        cell.of.option = None if value is None else _boxed(payload.lower, context, value)

    return Codec(lift, lower, {})


def _result(ok: Codec | None, err: Codec | None) -> Codec:
    kind = KIND["RESULT"]

    def lift(context: Context, cell: Cell) -> Any:
        result = cell.of.result
        payload = ok if result.is_ok else err
        content = payload.lift(context, result.val.contents) if payload else None
        return content if result.is_ok else Err(content)

    def lower(context: Context, value: Any, cell: Cell) -> None:
        failed = isinstance(value, Err)
        content = value.value if isinstance(value, Err | Ok) else value
        payload = err if failed else ok
        cell.kind = kind
        cell.of.result.is_ok = not failed
        cell.of.result.val = _boxed(payload.lower, context, content) if payload else None

    return Codec(lift, lower, err.cases if err else {})


def _flags() -> Codec:
    kind = KIND["FLAGS"]

    def lift(context: Context, cell: Cell) -> set[str]:
        flags = cell.of.flags
        return {_text_from_c(flags.data[index]) for index in range(flags.size)}

    def lower(context: Context, value: set[str], cell: Cell) -> None:
        flags = ffi.wasmtime_component_valflags_t()
        ffi.wasmtime_component_valflags_new_uninit(ctypes.byref(flags), len(value))
        for index, name in enumerate(sorted(value)):
            flags.data[index] = _bytes_to_c(name.encode())
        cell.kind = kind
        cell.of.flags = flags

    return Codec(lift, lower, {})


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
        return _primitive(*PRIMITIVES[kind])
    build: dict[type, Callable[[], Codec]] = {
        wasm.String: _string,
        wasm.ListType: lambda: (
            _byte_list() if isinstance(value_type.element, wasm.U8) else _list(of(value_type.element))
        ),
        wasm.TupleType: lambda: _tuple([of(element) for element in value_type.elements]),
        wasm.RecordType: lambda: _record([(name, of(field)) for name, field in value_type.fields]),
        wasm.VariantType: lambda: _variant({name: optional(case) for name, case in value_type.cases}),
        wasm.EnumType: lambda: _enum(list(value_type.names)),
        wasm.OptionType: lambda: _option(of(value_type.payload)),
        wasm.ResultType: lambda: _result(optional(value_type.ok), optional(value_type.err)),
        wasm.FlagsType: _flags,
        wasm.OwnType: lambda: _resource(True, table_of_thread),
        wasm.BorrowType: lambda: _resource(False, table_of_thread),
    }
    if kind not in build:
        raise TypeError(f"the host has no codec for {kind.__name__}")
    return build[kind]()
