"""The private wasmtime calls that wasmhost relies on. A failure here means: do not upgrade wasmtime yet."""

import ctypes
from importlib.metadata import version
from typing import Any

import pytest
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Linker

from faasweb.wasmhost.abi import ResourceTable, codec
from faasweb.wasmhost.abi_shapes import KIND, VALUE, Err, Ok
from faasweb.wasmhost.engine_settings import ENGINE_SETTINGS, pool_settings
from faasweb.wasmhost.native import function_codecs, make_engine, make_pooling_engine

TYPES = """
(component (import "test:types/all" (instance
    (type $point (record (field "x" s32) (field "label" string))) (export "point" (type $p (eq $point)))
    (type $shape (variant (case "none") (case "at" $p) (case "text" string)))
    (export "shape" (type $s (eq $shape)))
    (type $colour (enum "red" "green")) (export "colour" (type $c (eq $colour)))
    (type $rights (flags "read" "write" "run")) (export "rights" (type $r (eq $rights)))
    (export "f" (func
        (param "bool" bool) (param "u8" u8) (param "s64" s64) (param "f64" f64) (param "char" char)
        (param "string" string) (param "bytes" (list u8)) (param "list" (list string))
        (param "tuple" (tuple u16 string)) (param "record" $p) (param "variant" $s) (param "enum" $c)
        (param "flags" $r) (param "option" (option u64)) (param "result" (result string (error u32)))
        (param "nested" (option (result (result u8 (error string)))))
    ))
)))
"""
VALUES: dict[str, list[Any]] = {
    "bool": [True, False],
    "u8": [0, 255],
    "s64": [-(2**63), 2**63 - 1],
    "f64": [0.5, float("inf")],
    "char": [65, 0x1F600],
    "string": ["", "héllo \U0001f600"],
    "bytes": [b"", bytes(range(256)) * 300],
    "list": [[], ["a", ""]],
    "tuple": [(7, "seven")],
    "record": [{"x": -1, "label": "here"}],
    "variant": [("none", None), ("at", {"x": 1, "label": ""}), ("text", "t")],
    "enum": ["red", "green"],
    "flags": [set(), {"read", "run"}],
    "option": [None, 0, 2**64 - 1],
}


@pytest.fixture(scope="module")
def codecs():
    engine = make_engine()
    component = Component(engine, TYPES)
    instance = component.type.imports(engine)["test:types/all"]
    function = getattr(instance, "ty", instance).exports(engine)["f"]
    parameters = getattr(function, "ty", function).params
    return {name: codec(parameter, ResourceTable) for name, parameter in parameters}


def there_and_back(kind, value):
    cell = VALUE()
    kind.lower(None, value, cell)
    try:
        return kind.lift(None, cell)
    finally:
        ffi.wasmtime_component_val_delete(ctypes.byref(cell))


def test_the_version_is_the_pinned_one():
    assert version("wasmtime") == "50.0.1", "read native.py and abi_shapes.py against the new _bindings.py first"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALUES.items() for value in values])
def test_a_value_survives_the_border(codecs, name, value):
    assert there_and_back(codecs[name], value) == value


def test_both_cases_of_a_result_survive_the_border(codecs):
    assert there_and_back(codecs["result"], "fine") == "fine"
    failed = there_and_back(codecs["result"], Err(7))
    assert isinstance(failed, Err)
    assert failed.value == 7


def test_nested_results_keep_their_level(codecs):
    inner = there_and_back(codecs["nested"], Ok(Err("inner")))
    assert inner.value == "inner"
    assert there_and_back(codecs["nested"], Err(None)).value is None
    assert there_and_back(codecs["nested"], Ok(3)) == 3


def test_values_have_the_layout_that_bytes_are_copied_into():
    assert ctypes.sizeof(VALUE) == 32
    assert VALUE.kind.offset == 0
    assert VALUE.of.offset == 8
    assert len(set(KIND.values())) == len(KIND)


@pytest.mark.parametrize(
    "name",
    """
    wasmtime_component_func_call wasmtime_component_linker_instance_add_func wasmtime_component_linker_root
    wasmtime_component_linker_instance_add_instance wasmtime_component_linker_instance_add_resource
    wasmtime_component_resource_any_to_host wasmtime_component_resource_host_new wasmtime_error_new
    wasmtime_component_resource_host_to_any wasmtime_component_val_new wasmtime_store_epoch_deadline_callback
    wasmtime_pooling_allocation_strategy_set wasmtime_component_func_callback_t
    """.split(),  # noqa: SIM905
)
def test_the_private_calls_exist(name):
    assert hasattr(ffi, name)


def test_engines_take_every_setting():
    assert set(pool_settings(2))
    assert ENGINE_SETTINGS
    make_pooling_engine(2)


def test_functions_without_parameters_have_no_codecs():
    engine = make_engine()
    component = Component(engine, '(component (import "a:b/c" (instance (export "f" (func)))))')
    instance = component.type.imports(engine)["a:b/c"]
    function = getattr(instance, "ty", instance).exports(engine)["f"]
    assert function_codecs(getattr(function, "ty", function)) == ((), None)
    assert Linker(engine)
