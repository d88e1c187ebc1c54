"""wasi:cli: environment, standard streams, exit. There is no terminal and nothing on standard input."""

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.io import InputStream, OutputStream
from faasweb.wasmhost.interfaces.registry import Interface
from faasweb.wasmhost.sandbox import Sandbox

environment = Interface("wasi:cli/environment")
exit_ = Interface("wasi:cli/exit")
terminals = Interface("wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr")


class GuestExit(Exception):
    """The guest ended itself through wasi:cli/exit."""


@environment.function("get-environment")
def get_environment(guest: Sandbox) -> list[tuple[str, str]]:
    own = [("FAASWEB_MODULE", guest.release.module)] if guest.release.mode == "instant" else []
    return [*guest.release.environment.items(), *own]


@environment.function("get-arguments")
def get_arguments(guest: Sandbox) -> list[str]:
    return []


@environment.function("initial-cwd")
def initial_cwd(guest: Sandbox) -> str | None:
    return None


@exit_.function("exit")
def exit_guest(guest: Sandbox, status: Err | None) -> None:
    raise GuestExit("failure" if isinstance(status, Err) else "success")


@Interface("wasi:cli/stdin").function("get-stdin")
def get_stdin(guest: Sandbox) -> InputStream:
    return InputStream()


@Interface("wasi:cli/stdout").function("get-stdout")
def get_stdout(guest: Sandbox) -> OutputStream:
    return OutputStream(lambda data: guest.log.write("stdout", data))


@Interface("wasi:cli/stderr").function("get-stderr")
def get_stderr(guest: Sandbox) -> OutputStream:
    return OutputStream(lambda data: guest.log.write("stderr", data))


@terminals.function("get-terminal-stdin", "get-terminal-stdout", "get-terminal-stderr")
def get_terminal(guest: Sandbox) -> None:
    return None
