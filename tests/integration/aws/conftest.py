"""The platform with its data in DynamoDB and S3, which moto plays inside the test's own process."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.management import call_command
from moto import mock_aws

from faasweb import bootstrap
from faasweb.adapters.builder.local import LocalBuilder
from faasweb.adapters.queue.inline import InlineQueue
from tests.in_process import InProcessRuntime, SyntaxToolchain
from tests.integration.conftest import Embedded, run_task

TABLE, BUCKET = "faasweb-data", "faasweb-code"
REGION = "ap-northeast-2"
_really_made = boto3.client


@dataclass
class Vendor:
    """What was asked of AWS: the clients that were made, and each operation with the times it was sent."""

    clients: list[str] = field(default_factory=list)
    operations: Counter[str] = field(default_factory=Counter)

    def client(self, service: str, **options: Any) -> Any:
        made = _really_made(service, **options)
        self.clients.append(service)
        made.meta.events.register("before-call", self._count)
        return made

    def _count(self, model: Any, **_: Any) -> None:
        self.operations[model.name] += 1


@pytest.fixture
def credentials(monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def vendor(monkeypatch, credentials) -> Vendor:
    recorded = Vendor()
    monkeypatch.setattr(boto3, "client", recorded.client)
    return recorded


@pytest.fixture
def on(tmp_path, settings, monkeypatch, vendor) -> Callable[[str], AbstractContextManager[Embedded]]:
    """``with on("aws") as embedded``: a platform whose repositories and code store the settings have chosen."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.OPEN_MODE = False

    @contextlib.contextmanager
    def platform(kind: str) -> Iterator[Embedded]:
        settings.DATA_DIR = tmp_path / kind
        settings.DATA_DIR.mkdir()
        settings.DYNAMODB_TABLE_NAME = TABLE if kind == "aws" else ""
        settings.S3_BUCKET_NAME = BUCKET if kind == "aws" else ""
        with mock_aws() if kind == "aws" else contextlib.nullcontext(), monkeypatch.context() as patch:
            if kind == "aws":
                _provide()
            vendor.clients.clear()
            chosen = in_process(settings.DATA_DIR)
            patch.setattr(bootstrap, "adapters_from_settings", lambda: chosen.adapters)
            bootstrap.get_platform.cache_clear()
            built = bootstrap.get_platform()
            vendor.operations.clear()
            yield Embedded(built, chosen.runtime, chosen.toolchain, chosen.queue, settings.DATA_DIR)
            bootstrap.get_platform.cache_clear()

    return platform


def _provide() -> None:
    bucket = {"LocationConstraint": REGION}
    _really_made("s3", region_name=REGION).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=bucket)
    call_command("create_table", stdout=io.StringIO())


@dataclass
class Chosen:
    adapters: bootstrap.Adapters
    runtime: InProcessRuntime
    toolchain: SyntaxToolchain
    queue: InlineQueue


def in_process(data: Path) -> Chosen:
    """The adapters that the settings choose, but for what needs WebAssembly and other processes."""
    chosen = bootstrap.adapters_from_settings()
    runtime, toolchain = InProcessRuntime(chosen.code), SyntaxToolchain(data / "toolchain")
    queue = InlineQueue(run_task, at_once=False)
    builder = LocalBuilder(toolchain, chosen.code, chosen.registry)
    adapters = replace(chosen, runtime=runtime, drafts=runtime, builder=builder, queue=queue)
    return Chosen(adapters, runtime, toolchain, queue)


@pytest.fixture
def embedded(on) -> Iterator[Embedded]:
    """On AWS, for the fixtures of people and doors."""
    with on("aws") as made:
        yield made


@pytest.fixture
def everything_logged(caplog) -> Any:
    """As with LOG_LEVEL=DEBUG."""
    importlib.import_module("faasweb.asgi")  # the first import sets the levels of the settings again
    caplog.set_level(logging.DEBUG)
    return caplog
