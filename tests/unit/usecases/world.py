"""The whole platform on real storage and doubles, with a clock that is set and processes that can be killed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import time_machine

import consoles.tasks
from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.queue.inline import InlineQueue
from faasweb.adapters.repositories.sqlite import open_repositories
from faasweb.bootstrap import Adapters, Platform, platform_of
from faasweb.domain.access import Actor
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.source import Source
from faasweb.ports import Repositories
from tests.unit.usecases.crashes import Fuse, Fused, Killed
from tests.unit.usecases.doubles import MemoryAccounts, MemoryBuilder, MemoryRegistry, MemoryRuntime

ANNA = Actor(user_id=1, name="anna")
HELLO = "class IncomingHandler:\n    greeting = 'hello'\n"
HELLO_AGAIN = HELLO.replace("hello", "hello again")


@dataclass
class World:
    path: Path
    clock: time_machine.Traveller
    fuse: Fuse = field(default_factory=Fuse)
    runtime: MemoryRuntime = field(default_factory=MemoryRuntime)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    accounts: MemoryAccounts = field(default_factory=MemoryAccounts)

    def __post_init__(self) -> None:
        self.code = FilesystemCodeStore(self.path / "code")
        self.stored = open_repositories(self.path / "faasweb.db")
        self.builder = MemoryBuilder(self.code)
        self.queue = InlineQueue(run_task, at_once=False)
        self.platform = self._platform()
        self.workspace = self.platform.workspaces.create(ANNA, "Team")

    def _platform(self) -> Platform:
        def fused(port: object) -> Any:
            return Fused(port, self.fuse)

        repositories = {item.name: fused(getattr(self.stored, item.name)) for item in fields(Repositories)}
        runtime = fused(self.runtime)
        return platform_of(
            Adapters(
                repositories=Repositories(**repositories),
                code=fused(self.code),
                builder=fused(self.builder),
                registry=fused(self.registry),
                runtime=runtime,
                drafts=runtime,
                logs=cast(Any, None),
                metrics=cast(Any, None),
                queue=fused(self.queue),
                accounts=fused(self.accounts),
                assistant=cast(Any, None),
            )
        )

    # what people do

    def function(self, text: str = HELLO, name: str = "greet") -> Function:
        return self.platform.functions.create(ANNA, self.workspace.id, name, Source.single(text))

    def deploy(self, ref: FunctionRef) -> Deployment:
        self.later(seconds=1)
        return self.platform.deployments.deploy(ANNA, ref)

    def deployed(self, text: str = HELLO) -> Function:
        """A function whose first version is live."""
        function = self.function(text)
        deployment = self.deploy(function.ref)
        self.work()
        assert self.deployment(deployment.id).status is DeploymentStatus.LIVE
        return self.now(function)

    def now(self, function: Function) -> Function:
        return self.stored.functions.get(function.ref)

    def deployment(self, deployment_id: str) -> Deployment:
        return self.stored.deployments.get(deployment_id)

    # what workers and time do

    def work(self) -> None:
        """Everything that waits in the queue now; what is delayed comes with the next call."""
        self.queue.waiting = [replace(item, delay_s=0) for item in self.queue.waiting]
        self.queue.work()

    def later(self, **spans: float) -> None:
        self.clock.shift(timedelta(**spans))

    def settle(self, rounds: int = 30) -> None:
        """Work, let time pass and reap until nothing is open any more."""
        for _ in range(rounds):
            self.work()
            work = self.stored.maintenance.open_work()
            if not (work.builds or work.deployments or work.removals):
                return
            self.later(seconds=61)
            self.platform.upkeep.reap()
        raise AssertionError(f"open for ever: {work}")

    def survive(
        self, begin: Callable[[], object], blow_at: int, *, after: bool, lost: bool, away_s: float = 41
    ) -> bool:
        """Do it with a process that is killed at one call; then others go on. False when it was not killed.

        ``lost`` is whether the queue forgets the task it had given out, ``away_s`` when the others come.
        """
        self.fuse.arm(blow_at, after=after)
        with suppress(Killed):
            begin()
            self.work()
        killed = self.fuse.blown
        self.fuse.mend()
        self.queue.working = False
        if lost:
            self.queue.waiting.clear()
        self.later(seconds=away_s)
        self.platform.upkeep.reap()
        self.settle()
        return killed

    # what must be true whenever nothing is going on

    def check(self, function: Function) -> None:
        function = self.now(function)
        deployments = self.stored.deployments.list(function.id)
        assert function.deploying is None
        for deployment in deployments:
            assert deployment.status.finished, deployment
            assert (deployment.status is DeploymentStatus.FAILED) == (deployment.error is not None), deployment
        self._check_versions(function, deployments)
        self._check_live(function, deployments)

    def _check_versions(self, function: Function, deployments: Any) -> None:
        """One for each deployment that came so far, and none twice. A number may be missing, but never comes again."""
        numbers = [version.number for version in self.stored.versions.list(function.id)]
        made = [item.version for item in deployments if item.version and item.rollback_to is None]
        assert sorted(made) == sorted(numbers)
        assert len(set(numbers)) == len(numbers)
        assert function.last_version >= max(numbers, default=0)
        builds = [version.build_id for version in self.stored.versions.list(function.id)]
        assert len(builds) == len(set(builds))

    def _check_live(self, function: Function, deployments: Any) -> None:
        served = self.runtime.live.get(function.id)
        if function.live is None:
            assert served is None or not any(item.status is DeploymentStatus.LIVE for item in deployments)
            return
        assert served is not None
        said = (function.live.deployment_id, function.live.version, function.live.mode)
        assert (served.deployment_id, served.version, served.mode) == said
        assert served.settings == function.settings
        live = [item.id for item in deployments if item.status is DeploymentStatus.LIVE]
        assert live == ([function.live.deployment_id] if function.live.version else [])


def run_task(task: str, args: tuple[str, ...]) -> None:
    getattr(consoles.tasks, task)(*args)
