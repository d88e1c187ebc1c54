"""Running the parts of one machine under a keeper: all of them with a greeting, or some of them alone."""

import asyncio
import sys
from pathlib import Path

from faasweb.supervisor import checks
from faasweb.supervisor.front import wait_until_healthy
from faasweb.supervisor.keeper import keep
from faasweb.supervisor.parts import LOOPBACK, ROOT, Machine, Part, builder_alone, everything
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
    if here.builder_port:
        checks.check_port(LOOPBACK, here.builder_port, "FAASWEB_BUILDER_PORT")
    return lock


def claim_for_builder(here: Machine) -> int | None:
    """As `claim`, for a Builder Service: None when a faasweb on the same data folder already runs its functions."""
    checks.check_data_folder(here.data)
    checks.check_cache_folder(here.cache)
    checks.check_port(here.bind, here.port)
    try:
        return checks.lock_data_folder(here.data)
    except checks.CannotStart:
        return None


def run(here: Machine, link: str | None, lock: int) -> int:
    """Run everything until told to stop. Gives back an exit status.

    `link` signs the first operator in; None when there is an operator already. `lock` stays open as long as this
    runs.
    """
    return _run(here, everything(here), status_path(here.data), "faasweb", greeting(here, link))


def run_builder(here: Machine, lock: int | None) -> int:
    """Run the Builder Service until told to stop. Gives back an exit status. `lock` stays open as long as this runs."""
    status = None if lock is None else status_path(here.data)
    text = f"\n  The Builder Service answers at {here.address}\n"
    return _run(here, builder_alone(here), status, "the Builder Service", text)


def _run(here: Machine, parts: list[Part], status: Path | None, name: str, text: str) -> int:
    terminal = Terminal.on(sys.stdout)
    terminal.say(f"Starting {name}")
    supervisor = Supervisor(parts, terminal, status)

    async def greet() -> None:
        await wait_until_healthy(here.host, here.port)
        supervisor.front_serves.set()
        terminal.say(text)

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
    else:
        lines.append(
            f"  Sign in            with your password, or by a link: {_python()} manage.py sign_in_link operator"
        )
    lines.append("  API token          sign in, then open your account (top right)")
    if here.builder_port:
        lines.append(f"  Builder Service    http://{LOOPBACK}:{here.builder_port}/")
    lines.append(f"  Data               {here.data}")
    if here.wasmhosts:
        lines.append(
            "  Functions          can run when the lines marked `prepare` say so; the first time takes minutes"
        )
    return "\n".join([*lines, "  Stop               Ctrl-C", ""])


def _python() -> str:
    """This Python, as somebody types it who stands in our folder."""
    python = Path(sys.executable)
    return str(python.relative_to(ROOT) if python.is_relative_to(ROOT) else python)
