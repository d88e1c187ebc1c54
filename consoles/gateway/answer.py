"""A function's answer as Django sends it: streamed, with its headers as they were, and recorded in every case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, ItemsView
from typing import Any, cast

from django.http import StreamingHttpResponse

from faasweb.usecases.invocations import Invocation

_under_way: set[asyncio.Task[object]] = set()  # a task that nobody holds may be collected before it has run


class Ending:
    """Records an invocation once: when its answer has been sent, or when the request ended in any other way."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.task: asyncio.Task[object] | None = None
        if request := asyncio.current_task():
            request.add_done_callback(self.begin)  # a caller may be gone before the first byte was asked for

    def begin(self, _request: object = None) -> asyncio.Task[object]:
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self.invocation.finish())
            _under_way.add(self.task)
            self.task.add_done_callback(_under_way.discard)
        return self.task

    async def wait(self) -> None:
        await asyncio.shield(self.begin())


class FunctionAnswer(StreamingHttpResponse):
    """Django keeps one value for each header name; a function may send several, so they are held as pairs."""

    def __init__(self, invocation: Invocation, ending: Ending, status: int, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self.stream = _recorded(invocation, ending)
        super().__init__(self.stream, status=status)

    def items(self) -> ItemsView[str, Any]:
        """All headers that are sent: what else was set on this answer is left out, as the function's are its own."""
        # As bytes, because Django refuses characters that a function's header may hold.
        encoded = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in self.pairs
        ]
        return cast("ItemsView[str, Any]", encoded)

    def __aiter__(self) -> AsyncIterator[bytes]:
        # The very generator, not Django's wrapper around it: closing the answer then ends the run at once.
        return self.stream


async def _recorded(invocation: Invocation, ending: Ending) -> AsyncIterator[bytes]:
    try:
        async for chunk in invocation.body():
            yield chunk
    finally:
        await ending.wait()
