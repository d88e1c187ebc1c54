"""The Builder Service is held to its own description: whatever is asked."""

from __future__ import annotations

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.integration.api.test_schemathesis import bounded
from tests.integration.builder.conftest import TOKEN

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def described(service):
    return schemathesis.openapi.from_wsgi("/openapi.json", WSGIHandler())  # made now: with this service's middleware


@schemathesis.pytest.from_fixture("described").parametrize()
@bounded
def test_no_request_gets_an_answer_that_is_not_described(case):
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "identity"}
    # Numbers may come as text or as true, as earlier clients send them; what can't be scaffolded is an answer.
    case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance, negative_data_rejection])
