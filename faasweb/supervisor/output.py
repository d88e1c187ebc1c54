"""Reading what a part prints, line by line, without trusting it to print lines."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import IO

LONGEST_LINE = 64 * 1024


async def relay_lines(pipe: IO[bytes], emit: Callable[[str], None]) -> None:
    """Hand over each line until the pipe closes. A line over 64 KB comes in pieces; empty lines are left out."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    waiting = b""
    with contextlib.closing(transport):
        while data := await reader.read(LONGEST_LINE):
            *lines, waiting = (waiting + data).split(b"\n")
            if len(waiting) > LONGEST_LINE:
                lines, waiting = [*lines, waiting], b""
            for line in lines:
                _emit(line, emit)
        _emit(waiting, emit)


def _emit(line: bytes, emit: Callable[[str], None]) -> None:
    text = line.decode("utf-8", "replace").rstrip()
    if text:
        emit(text)
