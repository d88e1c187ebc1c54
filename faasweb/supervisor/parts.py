"""What runs on one machine: a name, a command line and an environment for each part."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faasweb.supervisor import servers

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = "127.0.0.1"
MANAGE = (sys.executable, str(ROOT / "manage.py"))


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process. `once`: it ends by itself. `late`: it starts when the front serves, and not before."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """Where faasweb runs here. `wasmhosts` is the number of processes that run functions, 0 when others run them.

    `builder_port` is where the Builder Service is served beside the console, 0 when it is not.
    """

    data: Path
    cache: Path
    bind: str
    port: int
    wasmhosts: int
    builder_port: int = 0

    @property
    def host(self) -> str:
        """Where a client on this machine finds what listens on `bind`."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104 - compared, not bound

    @property
    def address(self) -> str:
        """The address to open in a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"


def everything(machine: Machine) -> list[Part]:
    """All parts of one machine, the front first."""
    front = Part("web", servers.edge_and_web(machine.bind, machine.port))
    builder = [builder_beside(machine.builder_port)] if machine.builder_port else []
    prepared = [preparation(late=True)] if machine.wasmhosts else []
    return [front, *builder, *wasmhosts(machine), *workers(late=True), *prepared]


def preparation(*, late: bool = False, base: bool = True) -> Part:
    """What functions need on this machine, made once; without the ``base`` only what building needs."""
    only = () if base else ("--toolchain-only",)
    return Part("prepare", (*MANAGE, "prepare", *only), once=True, late=late)


def builder_beside(port: int) -> Part:
    """The Builder Service beside a console, for this machine only, whoever the console is for."""
    return Part("builder", servers.builder(LOOPBACK, port), {"FAASWEB_BIND": LOOPBACK, "PORT": str(port)})


def builder_alone(machine: Machine) -> list[Part]:
    """The Builder Service with all that it needs to work."""
    front = Part("builder", servers.builder(machine.bind, machine.port))
    prepared = preparation(late=True, base=machine.wasmhosts > 0)
    return [front, *wasmhosts(machine), *workers(late=True), prepared]


def workers(queue: str = "", *, late: bool = False) -> list[Part]:
    """A cluster for each queue, or for one: a long build never holds up the short tasks."""
    qcluster = (*MANAGE, "qcluster")
    every = {
        "default": Part("worker", qcluster, late=late),
        "builds": Part("builds", qcluster, {"Q_CLUSTER_NAME": "builds"}, late=late),
    }
    return [every[queue]] if queue else list(every.values())


def wasmhosts(machine: Machine) -> list[Part]:
    """The processes that run functions, each on its own unix socket."""
    return [_wasmhost(machine, index) for index in range(machine.wasmhosts)]


def _wasmhost(machine: Machine, index: int) -> Part:
    data = machine.data.absolute()
    options = {
        "--data": data,
        "--cache": machine.cache.absolute(),
        "--socket": data / "run" / f"wasmhost-{index}.sock",
        "--index": index,
    }
    words = [str(word) for pair in options.items() for word in pair]
    return Part(f"wasm-{index}", (sys.executable, "-m", "faasweb.wasmhost", *words))
