"""``python -m faasweb.wasmhost --data DIR --cache DIR --socket PATH``: one process that runs functions."""

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from faasweb.wasmhost.gate import MAX_RUNNING
from faasweb.wasmhost.host import Host
from faasweb.wasmhost.server import Server

PR_SET_PDEATHSIG = 1
GRACE_S = 1.5
SWITCH_INTERVAL_S = 0.001


def die_with_parent() -> None:
    """Have the kernel end this process when its supervisor is gone (Linux only)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the parent is gone")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faasweb.wasmhost", description="Run functions behind a unix socket.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder (FAASWEB_DATA)")
    parser.add_argument("--cache", type=Path, required=True, help="the cache folder (FAASWEB_CACHE)")
    parser.add_argument("--socket", type=Path, required=True, help="the unix socket to listen on")
    parser.add_argument("--index", type=int, default=0, help="which of the host processes this is")
    parser.add_argument("--max-running", type=int, default=MAX_RUNNING, help="how many guests may run at once")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    die_with_parent()
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format=f"wasmhost {options.index}: %(levelname)s %(message)s")
    # A guest computes without the interpreter lock; this bounds how long host calls wait for each other.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    options.data.mkdir(parents=True, exist_ok=True)
    host = Host(options.data, options.cache, max_running=options.max_running)
    server = Server(host, options.socket)
    try:
        server.bind()
    except OSError as error:
        sys.exit(f"wasmhost cannot listen on {options.socket}: {error}")
    host.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    threading.Thread(target=server.serve, name="accept", daemon=True).start()
    logging.getLogger(__name__).info("listening on %s", options.socket)
    stop.wait()
    server.stop(GRACE_S)
    host.telemetry.close()
    logging.shutdown()
    os._exit(0)  # threads that still wait for a client have nothing left to say


if __name__ == "__main__":
    main()
