from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

import consoles.tasks
from tests.unit.usecases.world import World


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where that is possible: these tests kill processes, not disks, and each makes dozens of databases."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="faasweb-test-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def new_world(
    folder: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], World]]:
    worlds: list[World] = []

    def new() -> World:
        world = World(folder / str(len(worlds)), clock)
        monkeypatch.setattr(consoles.tasks, "get_platform", lambda: world.platform)
        worlds.append(world)
        return world

    yield new
    for world in worlds:
        world.stored.functions.table.close()  # type: ignore[attr-defined]


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()
