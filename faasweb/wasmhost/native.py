"""Engine, linking and calling: the other half of the private wasmtime calls (``abi.py`` has the values).

One guest runs on one thread from its first instruction to its last, so the guest that a callback belongs to is looked
up by thread (``THREAD.guest``) and never by an address.
"""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from wasmtime import Config, Engine, Store
from wasmtime import _ffi as ffi
from wasmtime import component as wasm

from faasweb.wasmhost.abi import ResourceTable, codec, lower_resource
from faasweb.wasmhost.abi_shapes import VALUE, Codec, Context, Err, Lift, check
from faasweb.wasmhost.engine_settings import ENGINE_SETTINGS, pool_settings

TICK_S = 0.01
TICKS_PER_CHECK = 2
THREAD_STACK = 8 << 20


class Guest(Protocol):
    """What a callback needs of the sandbox it belongs to."""

    table: ResourceTable
    host_failure: BaseException | None

    def check(self) -> None:
        """Raise when this guest must stop."""

    def flush(self) -> None:
        """Send what the guest wrote so far."""


class _GuestThread(threading.local):
    guest: Any = None


THREAD = _GuestThread()


def table_of_thread() -> ResourceTable:
    table: ResourceTable = THREAD.guest.table
    return table


Implementation = Callable[..., Any]  # (guest, *arguments) -> result; raises Err for the err case


@dataclass(frozen=True, slots=True)
class HostFunction:
    """One import of a component: how its arguments come in, what answers it, how its result goes out."""

    name: str
    lifts: tuple[Lift, ...]
    result: Codec | None
    implementation: Implementation


# Callbacks find their function by its index here; entries live as long as the process, like the linkers they are in.
HOST_FUNCTIONS: list[HostFunction] = []


def _error(message: str) -> int:
    pointer = ffi.wasmtime_error_new(ctypes.create_string_buffer(message.encode("utf-8", "replace")))
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


@ffi.wasmtime_component_func_callback_t  # type: ignore[untyped-decorator]
def _call_host(index: int | None, context: Context, _type: Any, arguments: Any, _n: int, results: Any, _m: int) -> int:
    function = HOST_FUNCTIONS[index or 0]
    guest = THREAD.guest
    try:
        values = [lift(context, arguments[position]) for position, lift in enumerate(function.lifts)]
        try:
            result = function.implementation(guest, *values)
        except Err as error:
            result = error
        if function.result is not None:
            function.result.lower(context, result, results[0])
    except BaseException as failure:
        guest.host_failure = failure
        return _error(f"{function.name}: {failure}")
    return 0


@ffi.wasmtime_component_resource_destructor_t  # type: ignore[untyped-decorator]
def _drop_resource(_index: int | None, _context: Context, number: int) -> int:
    THREAD.guest.table.take(number)
    return 0


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # type: ignore[untyped-decorator]
def _no_finalizer(_data: Any) -> None:
    return None


@ctypes.CFUNCTYPE(  # type: ignore[untyped-decorator]
    ctypes.c_size_t,
    ctypes.POINTER(ffi.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ffi.wasmtime_update_deadline_kind_t),
)
def _on_epoch(_context: Context, _data: Any, delta: Any, kind: Any) -> int:
    """Runs on the guest's own thread every few ticks while it computes: the place to notice that it must stop."""
    guest = THREAD.guest
    try:
        guest.check()
        guest.flush()
    except BaseException as failure:
        guest.host_failure = failure
        return _error(str(failure))
    delta[0] = TICKS_PER_CHECK
    kind[0] = 0  # continue
    return 0


def make_engine() -> Engine:
    """An engine with the settings that every .cwasm of faasweb is compiled with."""
    return Engine(_config())


def _config() -> Config:
    config = Config()
    for name, value in ENGINE_SETTINGS.items():
        getattr(ffi, f"wasmtime_config_{name}_set")(config.ptr(), value)
    return config


def make_pooling_engine(guests: int) -> Engine:
    """An engine for running: memory of up to ``guests`` instances is set aside and partly kept between requests.

    Without a pool each request maps and unmaps its memory, and every thread of the process pays for that: with two
    guests at a time a request took three times the CPU.
    """
    pool = ffi.wasmtime_pooling_allocation_config_new()
    for name, value in pool_settings(guests).items():
        getattr(ffi, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
    config = _config()
    ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    ffi.wasmtime_pooling_allocation_config_delete(pool)
    return Engine(config)


class LinkerInstance:
    """One imported interface being defined in a linker."""

    def __init__(self, root: Any, name: str) -> None:
        self._pointer = ctypes.POINTER(ffi.wasmtime_component_linker_instance_t)()
        encoded = name.encode()
        check(
            ffi.wasmtime_component_linker_instance_add_instance(
                root, ctypes.create_string_buffer(encoded), len(encoded), ctypes.byref(self._pointer)
            )
        )

    def add_resource(self, name: str, resource_type: int) -> None:
        encoded = name.encode()
        host_type = wasm.ResourceType.host(resource_type)
        check(
            ffi.wasmtime_component_linker_instance_add_resource(
                self._pointer,
                ctypes.create_string_buffer(encoded),
                len(encoded),
                host_type.ptr(),
                _drop_resource,
                0,
                _no_finalizer,
            )
        )

    def add_function(self, name: str, function: HostFunction) -> None:
        encoded = name.encode()
        HOST_FUNCTIONS.append(function)
        check(
            ffi.wasmtime_component_linker_instance_add_func(
                self._pointer,
                ctypes.create_string_buffer(encoded),
                len(encoded),
                _call_host,
                len(HOST_FUNCTIONS) - 1,
                _no_finalizer,
            )
        )

    def close(self) -> None:
        ffi.wasmtime_component_linker_instance_delete(self._pointer)


class LinkerRoot:
    """The top of a linker, open for definitions until ``close``."""

    def __init__(self, linker: wasm.Linker) -> None:
        self._pointer = ffi.wasmtime_component_linker_root(linker.ptr())

    def instance(self, name: str) -> LinkerInstance:
        return LinkerInstance(self._pointer, name)

    def close(self) -> None:
        ffi.wasmtime_component_linker_instance_delete(self._pointer)


def function_codecs(function_type: wasm.FuncType) -> tuple[tuple[Lift, ...], Codec | None]:
    """How to lift each parameter and lower the result of ``function_type``."""
    lifts = tuple(codec(parameter, table_of_thread).lift for _, parameter in function_type.params)
    result_type = function_type.result
    return lifts, None if result_type is None else codec(result_type, table_of_thread)


def limit_store(store: Store, memory_bytes: int) -> None:
    """Cap a guest's memory and have ``THREAD.guest`` asked every few ticks whether it may go on."""
    store.set_limits(memory_size=memory_bytes)
    ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), _on_epoch, None, _no_finalizer)
    store.set_epoch_deadline(TICKS_PER_CHECK)


def call_with_resources(store: Store, function: wasm.Func, resources: tuple[Any, ...]) -> None:
    """Call a guest function whose parameters are owned resources and that returns nothing.

    Raises WasmtimeError when the guest traps.
    """
    context = store._context()
    arguments = (VALUE * len(resources))()
    table = table_of_thread()
    try:
        for cell, resource in zip(arguments, resources, strict=True):
            lower_resource(context, resource, table, cell)
        error = ffi.wasmtime_component_func_call(
            ctypes.byref(function._func), context, arguments, len(resources), None, 0
        )
    finally:
        for cell in arguments:
            ffi.wasmtime_component_val_delete(ctypes.byref(cell))
    check(error)
