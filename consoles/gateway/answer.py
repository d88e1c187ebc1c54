"""A function's answer as Django sends it: streamed, with its headers as they were, and recorded in every case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, ItemsView
from typing import Any, cast

from django.http import StreamingHttpResponse

from faasweb.routing import BrokenOff
from faasweb.usecases.invocations import Invocation

RECORDED_WITHIN_S = 0.25
BODYLESS = (204, 304)
_under_way: set[asyncio.Task[object]] = set()  # a task that nobody holds may be collected before it has run


class Call:
    """An invocation whose caller may be gone at any moment. However the request ends, it is recorded once."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.body = invocation.body()
        self.ending: asyncio.Task[object] | None = None
        if request := asyncio.current_task():
            request.add_done_callback(self.end)  # nobody asks for the body of an answer that found no caller

    def end(self, _request: object = None, *, whole: bool = False) -> asyncio.Task[object]:
        """Record it. With ``whole`` the caller has all it waits for, and the run may come to its own end first."""
        if self.ending is None:
            self.ending = asyncio.get_running_loop().create_task(self._finish(whole))
            _under_way.add(self.ending)
            self.ending.add_done_callback(_under_way.discard)
        return self.ending

    async def _finish(self, whole: bool) -> None:
        if whole:
            async for _nothing_is_sent_any_more in self.body:
                pass
        await self.invocation.finish()

    async def complete(self) -> None:
        """To be awaited before the last byte is sent: with that byte the server is done, and cancels what still runs.

        A function that goes on for long after its last byte is not waited for.
        """
        await asyncio.wait({self.end(whole=True)}, timeout=RECORDED_WITHIN_S)

    async def chunks(self, length: int | None) -> AsyncIterator[bytes]:
        """The body as it arrives, ``length`` bytes where the function said so. Raises BrokenOff."""
        left = length
        try:
            async for chunk in self.body:
                if left is not None and len(chunk) >= left:
                    await self.complete()
                    yield chunk[:left]
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
            if self.invocation.broke_off:
                raise BrokenOff
        finally:
            await asyncio.shield(self.end())


class FunctionAnswer(StreamingHttpResponse):
    """Django keeps one value for each header name; a function may send several, so they are held as pairs."""

    def __init__(self, call: Call, status: int, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self.chunks = call.chunks(declared_length(pairs))
        super().__init__(self.chunks, status=status)

    def items(self) -> ItemsView[str, Any]:
        """All headers that are sent: what else was set on this answer is left out, as the function's are its own."""
        # As bytes, because Django refuses characters that a function's header may hold.
        encoded = [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in self.pairs
        ]
        return cast("ItemsView[str, Any]", encoded)

    def __aiter__(self) -> AsyncIterator[bytes]:
        # The very generator, not Django's wrapper around it: closing the answer then ends the run at once.
        return self.chunks


def declared_length(pairs: list[tuple[str, str]]) -> int | None:
    return next((int(value) for name, value in pairs if name == "content-length"), None)


def has_no_body(method: str, status: int, pairs: list[tuple[str, str]]) -> bool:
    """Is this answer whole with its headers?"""
    return method == "HEAD" or status in BODYLESS or declared_length(pairs) == 0
