"""Run the steps of `make test`, `make check` or `make fix`: all of them, also after a failure, then say how each went.

python deploy/steps.py test [NAME ...]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NO_TESTS_FOUND = 5
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Step:
    """One command. `obstacle` gives the reason it can't run here, or None."""

    name: str
    command: tuple[str, ...]
    obstacle: Callable[[], str | None] = lambda: None

    @property
    def is_pytest(self) -> bool:
        """Whether exit status 5 means "no tests found"."""
        return self.command[0] == "pytest"


def no_chromium() -> str | None:
    """Say what to do when there is no browser to drive."""
    if find_chromium():
        return None
    return "no chromium: install Debian's chromium, or set CHROMIUM=/path/to/it"


STEPS = {
    "test": (
        Step("unit", ("pytest", "tests/unit", "tests/contract", "-n", "2")),
        Step("integration", ("pytest", "tests/integration")),
        Step("browser", ("pytest", "tests/browser"), no_chromium),
    ),
    "check": (
        Step("format", ("ruff", "format", "--check", ".")),
        Step("lint", ("ruff", "check", ".")),
        Step("types", ("mypy",)),
        Step("imports", ("lint-imports",)),
        Step("templates", ("djlint", "templates", "--lint", "--quiet")),
        Step("migrations", ("python", "manage.py", "makemigrations", "--check", "--dry-run")),
        Step("translations", ("python", "deploy/translations.py")),
    ),
    "fix": (
        Step("lint", ("ruff", "check", "--fix", ".")),
        Step("format", ("ruff", "format", ".")),
    ),
}


def main(arguments: list[str]) -> int:
    """Run the steps of a group, or those of them that are named. Gives back an exit status."""
    group, names = arguments[0], arguments[1:]
    steps = [step for step in STEPS[group] if not names or step.name in names]
    results: list[tuple[Step, str, float]] = []
    with tempfile.TemporaryDirectory(prefix="faasweb-") as data:
        for step in steps:
            started = time.monotonic()
            results.append((step, carry_out(step, environment(Path(data))), time.monotonic() - started))
    say(f"\nmake {group}:")
    for step, result, seconds in results:
        say(f"  {step.name:<16} {result} ({seconds:.1f} s)")
    outcomes = [result for _, result, _ in results]
    ran = any(result == "passed" for result in outcomes)
    return 0 if ran and not any(result.startswith("FAILED") for result in outcomes) else 1


def carry_out(step: Step, env: dict[str, str]) -> str:
    """Run one step. What can't run here is skipped on a developer's machine, and a failure where CI=true."""
    obstacle = step.obstacle()
    if obstacle:
        return f"FAILED: {obstacle}" if env.get("CI") == "true" else f"skipped: {obstacle}"
    say(f"\n== {step.name}: {' '.join(step.command)}")
    command = [str(BIN / step.command[0]), *step.command[1:]]
    status = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode  # noqa: S603 - the table above
    if status == NO_TESTS_FOUND and step.is_pytest:
        return "no tests found"
    return "passed" if status == 0 else f"FAILED with exit status {status}"


def environment(data: Path) -> dict[str, str]:
    """Give back the environment of every step: no step may touch the developer's own data folder."""
    env = {**os.environ, "FAASWEB_DATA": str(data), "PYTHONUNBUFFERED": "1"}
    chromium = find_chromium()
    return {**env, "CHROMIUM": chromium} if chromium else env


def find_chromium() -> str | None:
    """Give back the path of the browser that tests drive."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for path in map(shutil.which, CHROMIUM_NAMES) if path), None)


def say(line: str) -> None:
    """Print a line now, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
