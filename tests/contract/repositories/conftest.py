"""Every test here runs against each database. DynamoDB is moto, inside the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from moto import mock_aws

from faasweb.adapters.repositories.assembly import repositories_over
from faasweb.adapters.repositories.dynamodb import DynamoTable
from faasweb.adapters.repositories.provisioning import create_table
from faasweb.adapters.repositories.sqlite import SqliteTable
from faasweb.adapters.repositories.table import Table
from faasweb.domain.functions import Function
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Iterator[SqliteTable]:
    table = SqliteTable(tmp_path / "data" / "faasweb.db")
    yield table
    table.close()


@pytest.fixture
def dynamodb_client(aws_session: Any) -> Iterator[Any]:
    with mock_aws():
        config = Config(retries={"max_attempts": 0})
        yield aws_session.client("dynamodb", region_name="ap-northeast-2", config=config)


@pytest.fixture
def dynamodb_table(dynamodb_client: Any) -> DynamoTable:
    create_table(dynamodb_client, "data")
    return DynamoTable(dynamodb_client, "data")


@pytest.fixture(params=["sqlite", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    chosen: Table = request.getfixturevalue(f"{request.param}_table")
    return chosen


@pytest.fixture
def store(table: Table) -> Repositories:
    return repositories_over(table)


@pytest.fixture
def workspace(store: Repositories) -> Workspace:
    workspace = Workspace.create("Team")
    store.workspaces.add(workspace)
    return workspace


@pytest.fixture
def function(store: Repositories, workspace: Workspace) -> Function:
    return store.functions.add(make.function(workspace))
