"""How each part is doing, in `<data>/run/status.json`: written by the supervisor, read by whoever reports readiness."""

import json
import os
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """What a part is doing. `WAITING`: it will be started, for the first time or again. `DONE`: it did its one task."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part. `since` is when this state began (unix seconds); `last_exit` a phrase such as "killed by SIGKILL"."""

    state: State = State.WAITING
    pid: int | None = None
    restarts: int = 0
    last_exit: str | None = None
    since: float = 0.0


def status_path(data: Path) -> Path:
    """Give back where the status of the faasweb on this data folder is."""
    return data / "run" / "status.json"


def write_status(path: Path, parts: dict[str, PartStatus]) -> None:
    """Replace the file in one step. A disk that takes nothing more loses the news, not the supervisor."""
    content = {
        "supervisor": os.getpid(),
        "written": time.time(),
        "parts": {name: asdict(part) for name, part in parts.items()},
    }
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(json.dumps(content, indent=1))
        draft.replace(path)
    except OSError:
        return


def read_status(path: Path) -> dict[str, PartStatus]:
    """Give back the parts by name; empty when no supervisor has written here."""
    try:
        parts = json.loads(path.read_text())["parts"]
        return {name: PartStatus(**{**part, "state": State(part["state"])}) for name, part in parts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
