"""How a run ended, as one of the contract's outcomes and a sentence for the author of the function."""

import re
from collections.abc import Iterable

from faasweb.wasmhost.frames import OutcomeName
from faasweb.wasmhost.interfaces.cli import GuestExit
from faasweb.wasmhost.linker import NotAvailable
from faasweb.wasmhost.sandbox import MAX_HEADER_BYTES, MAX_HEADERS, MAX_RESPONSE_BODY, Sandbox, Stopped

TRACEBACK = "Traceback (most recent call last):"
ERROR_LINE = re.compile(r"[A-Za-z_][\w.]*(: .*)?$")
FILE_LINE = re.compile(r'\s*File "(?:/app/)?([^"]+)", line (\d+)')
TRAP = re.compile(r"wasm trap: (.*)")
TRAPS = {
    "call stack exhausted": "The function recursed too deeply: its call stack is exhausted.",
    "too much data is being copied between the host and the guest": (
        "The function passed more than about 2 MB to the host in one call."
    ),
    "wasm `unreachable` instruction executed": "The function aborted.",
}

Ending = tuple[OutcomeName, str | None]


def ending(sandbox: Sandbox, failure: BaseException | None) -> Ending:
    """The outcome of a run. ``failure`` is what ended the call, if it did not return."""
    if sandbox.stop_reason is not None:
        return _stopped(sandbox)
    if sandbox.reported_error is not None:
        return "error", _explained(sandbox.reported_error, sandbox)
    exception = last_exception(sandbox.log.last_errors)
    if failure is None and sandbox.status is None:
        return "no_response", exception or "The function returned without sending a response."
    if failure is None:
        failed = sandbox.status == 500 and sandbox.body_bytes == 0
        return ("error", _explained(exception, sandbox)) if failed and exception else ("ok", None)
    return _trapped(sandbox, failure, exception)


def _stopped(sandbox: Sandbox) -> Ending:
    match sandbox.stop_reason:
        case "timeout":
            limit = f"{sandbox.release.timeout_s:g} s"
            what = "did not answer" if sandbox.status is None else "did not finish its answer"
            return "timeout", f"The function {what} within {limit} (its timeout)."
        case "slow_reader":
            limit = f"{sandbox.release.timeout_s:g} s"
            return "timeout", f"The client did not read the answer within {limit} (the function's timeout)."
        case "response_too_large":
            return "error", f"The response is larger than {MAX_RESPONSE_BODY >> 20} MB, the limit."
        case "headers_too_large":
            return "error", (
                f"The response has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES >> 10} KB of them, the limit."
            )
        case "shutdown":
            return "error", "The runtime was stopped while the function ran."
        case _:
            return "error", "The client went away before the function was done."


def _trapped(sandbox: Sandbox, failure: BaseException, exception: str | None) -> Ending:
    own = sandbox.host_failure
    if isinstance(own, Stopped):
        return _stopped(sandbox)
    if isinstance(own, GuestExit):
        return "error", "The function ended itself (exit) instead of answering."
    if isinstance(own, NotAvailable):
        return "error", f"{own}."
    if own is not None:
        return "error", f"The function made a call that failed: {own}"
    if exception is not None:
        return "error", _explained(exception, sandbox)
    message = str(failure)
    if "memory" in message and "limit" in message:
        return "error", f"The function needs more than its {sandbox.release.memory_mb} MB of memory to start."
    trap = TRAP.search(message)
    reason = trap.group(1) if trap else _first_line(message.rpartition("Caused by:")[2])
    return "trap", TRAPS.get(reason.partition(":")[0], f"The function was stopped by a trap: {reason}.")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "unknown")


def last_exception(lines: Iterable[str]) -> str | None:
    """The last line of the last Python traceback among ``lines``; a syntax error gets its place."""
    found, place, inside = None, None, False
    for line in lines:
        match = FILE_LINE.match(line)
        if line.startswith(TRACEBACK) or (match and not inside):
            inside, place = True, None
        if match:
            place = f"{match[1]}, line {match[2]}"
        elif inside and ERROR_LINE.match(line):
            is_syntax = line.partition(":")[0] in ("SyntaxError", "IndentationError", "TabError")
            found = f"{line} ({place})" if is_syntax and place else line
            inside = False
    return found


def _explained(error: str, sandbox: Sandbox) -> str:
    name, _, text = error.partition(": ")
    if error.endswith("MemoryError"):
        return f"The function used more than its {sandbox.release.memory_mb} MB of memory."
    if name == "SystemExit":
        return f"The function called sys.exit({text}) instead of returning a Response."
    return error
