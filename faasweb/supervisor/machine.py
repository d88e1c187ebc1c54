"""Running the parts of one machine under a keeper: all of them with a greeting, or some of them alone."""

import asyncio
import sys

from faasweb.supervisor import checks
from faasweb.supervisor.front import wait_until_healthy
from faasweb.supervisor.keeper import keep
from faasweb.supervisor.parts import Machine, Part, everything
from faasweb.supervisor.status import status_path
from faasweb.supervisor.supervisor import Supervisor
from faasweb.supervisor.terminal import Terminal

CANNOT_START = 2


def claim(here: Machine) -> int:
    """Make sure that everything can start, and lock the data folder. Gives back the lock. Raises CannotStart."""
    checks.check_data_folder(here.data)
    if here.wasmhosts:
        checks.check_cache_folder(here.cache)
    lock = checks.lock_data_folder(here.data)
    checks.check_port(here.bind, here.port)
    return lock


def run(here: Machine, link: str | None, lock: int) -> int:
    """Run everything until told to stop. Gives back an exit status.

    `link` signs the first operator in; None when there is an operator already. `lock` stays open as long as this
    runs.
    """
    terminal = Terminal.on(sys.stdout)
    terminal.say("Starting faasweb")
    supervisor = Supervisor(everything(here), terminal, status_path(here.data))

    async def greet() -> None:
        await wait_until_healthy(here.host, here.port)
        supervisor.front_serves.set()
        terminal.say(greeting(here, link))

    async def supervise() -> None:
        await supervisor.run(greet())

    return keep(lambda: asyncio.run(supervise()))


def run_alone(parts: list[Part]) -> int:
    """Run these parts until told to stop, for a container. Gives back an exit status."""
    supervisor = Supervisor(parts, Terminal.on(sys.stdout))
    return keep(lambda: asyncio.run(supervisor.run()))


def greeting(here: Machine, link: str | None) -> str:
    """Say what a person needs now."""
    lines = ["", f"  faasweb serves at {here.address}", ""]
    if link:
        lines.append(f"  Sign in once with  {link}")
    lines.append("  API token          sign in, then open your account (top right)")
    lines.append(f"  Data               {here.data}")
    if here.wasmhosts:
        lines.append(
            "  Functions          can run when the lines marked `prepare` say so; the first time takes minutes"
        )
    return "\n".join([*lines, "  Stop               Ctrl-C", ""])
