"""The API is held to its own description: by requests that this allows, and by requests that it forbids."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from faasweb.wsgi import application
from tests.integration.api.test_builds import upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
bounded = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def described(project):
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_wsgi("/openapi.json", application, config=config)


@pytest.fixture
def headers(ada):
    return {"Authorization": f"Bearer {ada.token}", "Accept-Encoding": "identity"}


@pytest.fixture
def strange(embedded):
    return described(ProjectConfig())


@pytest.fixture
def known(embedded, workspace, ada):
    """Paths lead to things that exist. Text is ASCII: which other characters a name may have, no pattern can say."""
    function = embedded.deployed(workspace)
    task = ada.upload("/api/v1/build", {"file": upload(), "workspace_id": workspace.id}).json()["task_id"]
    ids = {"path.workspace_id": workspace.id, "path.function_id": function.id, "path.task_id": task}
    project = ProjectConfig(parameters=ids, generation=GenerationConfig(codec="ascii", allow_x00=False))
    return described(project).exclude(method="DELETE")


@schemathesis.pytest.from_fixture("strange").parametrize()
@bounded
def test_no_request_gets_an_answer_that_is_not_described(case, headers):
    case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])


# A schema can't say which files are Python, which registries are allowed and which moments are in the future.
UNSAID = ["build", "build_and_push", "push", "create_token", "put_source", "put_source_by_id"]


@schemathesis.pytest.from_fixture("known").exclude(operation_id=UNSAID).parametrize()
@bounded
def test_what_the_description_allows_is_accepted(case, headers):
    case.call_and_validate(headers=headers)
