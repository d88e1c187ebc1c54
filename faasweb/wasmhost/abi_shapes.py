"""How values of each shape are laid out in wasmtime's C structures. ``abi.py`` picks the codec of a type."""

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
KINDS = (
    "BOOL S8 U8 S16 U16 S32 U32 S64 U64 F32 F64 CHAR STRING LIST RECORD TUPLE VARIANT ENUM OPTION RESULT FLAGS RESOURCE"
)
KIND = {name: getattr(ffi, f"WASMTIME_COMPONENT_{name}").value for name in KINDS.split()}
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


def primitive_codec(kind: int, field: str) -> Codec:
    def lower(context: Context, value: Any, cell: Cell) -> None:
        cell.kind = kind
        setattr(cell.of, field, value)

    return Codec(lambda context, cell: getattr(cell.of, field), lower, {})


def string_codec() -> Codec:
    kind = KIND["STRING"]

    def lower(context: Context, value: str, cell: Cell) -> None:
        cell.kind = kind
        cell.of.string = _bytes_to_c(value.encode("utf-8", "replace"))

    return Codec(lambda context, cell: _text_from_c(cell.of.string), lower, {})


def byte_list_codec() -> Codec:
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


def list_codec(element: Codec) -> Codec:
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


def tuple_codec(elements: list[Codec]) -> Codec:
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


def record_codec(fields: list[tuple[str, Codec]]) -> Codec:
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


def variant_codec(cases: dict[str, Codec | None]) -> Codec:
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


def enum_codec(names: list[str]) -> Codec:
    kind = KIND["ENUM"]

    def lower(context: Context, value: str, cell: Cell) -> None:
        cell.kind = kind
        cell.of.enumeration = _bytes_to_c(value.encode())

    return Codec(lambda context, cell: _text_from_c(cell.of.enumeration), lower, dict.fromkeys(names, False))


def option_codec(payload: Codec) -> Codec:
    kind = KIND["OPTION"]

    def lift(context: Context, cell: Cell) -> Any:
        return payload.lift(context, cell.of.option.contents) if cell.of.option else None

    def lower(context: Context, value: Any, cell: Cell) -> None:
        cell.kind = kind
        cell.of.option = None if value is None else _boxed(payload.lower, context, value)

    return Codec(lift, lower, {})


def result_codec(ok: Codec | None, err: Codec | None) -> Codec:
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


def flags_codec() -> Codec:
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
