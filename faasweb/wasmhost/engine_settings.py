"""The wasmtime settings every .cwasm is compiled with and every wasmhost runs with. No wasmtime import here."""

ENGINE_SETTINGS: dict[str, bool | int] = {
    "wasm_component_model": True,
    "epoch_interruption": True,
    "max_wasm_stack": 1 << 20,
}
