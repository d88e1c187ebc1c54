"""The wasmtime settings every .cwasm is compiled with and every wasmhost runs with, and the pool of a running one.

No wasmtime import here.
"""

ENGINE_SETTINGS: dict[str, bool | int] = {
    "wasm_component_model": True,
    "epoch_interruption": True,
    "max_wasm_stack": 1 << 20,
    # Guests are synchronous. With it, wasmtime 50 fails a host call that borrows two resources ("deferred host scope
    # has no call context"), which is every `poll` of two things.
    "concurrency_support": False,
}

KEPT_MEMORY = 32 << 20
KEPT_IDLE_GUESTS = 4
CORE_INSTANCES_PER_GUEST = 64


def pool_settings(guests: int) -> dict[str, int]:
    """Room for ``guests`` instances at a time. Sizes in bytes; memory is only used as far as guests touch it."""
    return {
        "total_component_instances": guests,
        "total_core_instances": guests * CORE_INSTANCES_PER_GUEST,
        "total_memories": guests * 2,
        "total_tables": guests * CORE_INSTANCES_PER_GUEST,
        "max_core_instances_per_component": CORE_INSTANCES_PER_GUEST,
        "max_tables_per_component": CORE_INSTANCES_PER_GUEST,
        "max_memories_per_component": 4,
        "max_component_instance_size": 4 << 20,
        "max_core_instance_size": 4 << 20,
        "max_memory_size": 4 << 30,
        "table_elements": 100_000,
        "linear_memory_keep_resident": KEPT_MEMORY,
        "table_keep_resident": 1 << 16,
        "max_unused_warm_slots": KEPT_IDLE_GUESTS,
    }
