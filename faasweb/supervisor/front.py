"""Seeing that the front serves."""

import asyncio

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
INTERVAL = 0.1


async def wait_until_healthy(host: str, port: int) -> None:
    """Come back when `/health` answers 200."""
    while not await _healthy(host, port):
        await asyncio.sleep(INTERVAL)


async def _healthy(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(HEALTH)
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
