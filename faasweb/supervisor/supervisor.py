"""Starts the parts, starts them again when they stop, and ends them all in time."""

import asyncio
import contextlib
import math
import signal
import subprocess
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from faasweb.supervisor.backoff import Backoff
from faasweb.supervisor.output import relay_lines
from faasweb.supervisor.parts import Part
from faasweb.supervisor.processes import adopt_orphans, describe_exit, end_everything, end_group, end_orphans, spawn
from faasweb.supervisor.status import PartStatus, State, write_status
from faasweb.supervisor.terminal import Terminal

# Seconds between SIGTERM and SIGKILL: with what follows, everything is gone in five.
PATIENCE = 4.0
# Late parts don't wait longer than this for a front that does not come.
LATE_START = 5.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(slots=True)
class Child:
    """A running part. `exited` gets its exit status."""

    process: "subprocess.Popen[bytes]"
    exited: "asyncio.Future[int]"


@dataclass
class Supervisor:
    """Runs until SIGTERM or SIGINT; a second one ends its patience.

    `status` is the file that tells how the parts are doing, None for none. `front_serves` lets the late parts start;
    whoever sees the front answer sets it.
    """

    parts: list[Part]
    terminal: Terminal
    status: Path | None = None
    front_serves: asyncio.Event = field(default_factory=asyncio.Event)
    _news: dict[str, PartStatus] = field(default_factory=dict)
    _children: dict[str, Child] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, *companions: Coroutine[Any, Any, None]) -> None:
        """Keep all parts running until told to stop, with `companions` beside them."""
        adopt_orphans()
        self._listen()
        self._news = {part.name: PartStatus(since=time.time()) for part in self.parts}
        self._publish()
        work = [*(self._keep(part) for part in self.parts), *companions]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await self._stop.wait()
        finally:
            await self._end(tasks)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGCHLD, self._on_child)

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _on_child(self) -> None:
        for child in self._children.values():
            status = child.process.poll()
            if status is not None and not child.exited.done():
                child.exited.set_result(status)

    async def _keep(self, part: Part) -> None:
        if part.late:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.front_serves.wait(), LATE_START)
        # One that ends by itself gets slower and slower: what it lacks (a network, a disk) comes back in minutes.
        backoff = Backoff(limit=300, reset_after=math.inf) if part.once else Backoff()
        while not self._stop.is_set():
            started = time.monotonic()
            outcome = await self._live(part)
            if self._stop.is_set():
                return
            if part.once and outcome == describe_exit(0):
                self._note(part, state=State.DONE, pid=None, last_exit=outcome)
                return
            delay = backoff.after(time.monotonic() - started)
            restarts = self._news[part.name].restarts + 1
            self._note(part, state=State.WAITING, pid=None, last_exit=outcome, restarts=restarts)
            self.terminal.say(f"{part.name} ended ({outcome}); it starts again in {delay:g} s.")
            await asyncio.sleep(delay)

    async def _live(self, part: Part) -> str:
        """Start a part and stay with it to its end, which is given back in words."""
        try:
            process = spawn(part.command, part.environment)
        except (OSError, subprocess.SubprocessError) as exc:
            return f"not started: {exc}"
        child = self._children[part.name] = Child(process, asyncio.get_running_loop().create_future())
        self._note(part, state=State.RUNNING, pid=process.pid)
        assert process.stdout is not None  # noqa: S101 - spawn asked for a pipe
        output = asyncio.create_task(relay_lines(process.stdout, lambda line: self.terminal.relay(part.name, line)))
        self._on_child()  # it may have ended before anybody listened
        try:
            status = await child.exited
            self._end_rest(process.pid)
            await asyncio.wait([output], timeout=1)
        finally:
            output.cancel()
        del self._children[part.name]
        return describe_exit(status)

    def _end_rest(self, leader: int) -> None:
        end_group(leader)
        end_orphans({child.process.pid for child in self._children.values()})

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """Ask every part to stop, wait, and kill what is left."""
        self.terminal.say("Stopping")
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        await self._wait_for_exits()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        end_everything()
        self._news = {name: replace(news, state=_ended(news.state), pid=None) for name, news in self._news.items()}
        self._publish()
        self.terminal.say("Stopped")

    async def _wait_for_exits(self) -> None:
        gone = asyncio.create_task(_all_of([child.exited for child in self._children.values()]))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([gone, hurry], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        hurry.cancel()

    def _note(self, part: Part, **changes: object) -> None:
        self._news[part.name] = replace(self._news[part.name], since=time.time(), **changes)  # type: ignore[arg-type]
        self._publish()

    def _publish(self) -> None:
        if self.status is not None:
            write_status(self.status, self._news)


async def _all_of(exits: "list[asyncio.Future[int]]") -> None:
    if exits:
        await asyncio.wait(exits)


def _ended(state: State) -> State:
    return state if state is State.DONE else State.STOPPED
