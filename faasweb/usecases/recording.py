from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from faasweb.domain.errors import FaaswebError, Unavailable
from faasweb.domain.executions import Execution
from faasweb.ports import ExecutionRepository

logger = logging.getLogger(__name__)
BATCH_LIMIT = 200

_Waiting = list[tuple[Execution, "asyncio.Future[None]"]]


@dataclass(slots=True)
class _Lane:
    waiting: _Waiting = field(default_factory=list)
    writer: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Recorder:
    """Stores executions in groups: what arrives while one group is being written makes up the next.

    One durable write then serves many calls, and each caller still waits for its own.
    """

    executions: ExecutionRepository
    lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Lane] = field(default_factory=WeakKeyDictionary)

    async def record(self, execution: Execution) -> None:
        """Durable when it returns. A storage that is away costs the record, never the caller's answer."""
        loop = asyncio.get_running_loop()
        lane = self.lanes.setdefault(loop, _Lane())
        stored = loop.create_future()
        lane.waiting.append((execution, stored))
        if lane.writer is None or lane.writer.done():
            lane.writer = loop.create_task(self._write(lane))
        await stored

    async def _write(self, lane: _Lane) -> None:
        while lane.waiting:
            group, lane.waiting = lane.waiting[:BATCH_LIMIT], lane.waiting[BATCH_LIMIT:]
            try:
                await asyncio.to_thread(self._store, [execution for execution, _ in group])
            except Exception:  # whatever it is, nobody may wait for ever
                logger.exception("%d executions were not recorded", len(group))
            finally:
                for _, stored in group:
                    if not stored.done():
                        stored.set_result(None)

    def _store(self, group: Sequence[Execution]) -> None:
        """Together; when the storage refuses one of them, one by one, so that it costs no other."""
        try:
            self.executions.record(group)
        except Unavailable as exc:
            logger.error("%d executions were not recorded: %s", len(group), exc.message)
        except FaaswebError as exc:
            if len(group) == 1:
                logger.error("execution %s was not recorded: %s", group[0].id, exc.message)
                return
            for execution in group:
                self._store([execution])
