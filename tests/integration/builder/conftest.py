from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.integration.conftest import HELLO, Api, Embedded

TOKEN = "a-token-of-the-tests-for-the-builder"
TEAM = "ws-TeamTeam"


def upload(text: str | bytes = HELLO, name: str = "greet.py") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode(), "text/x-python")


@pytest.fixture
def service(embedded: Embedded, settings: Any) -> Api:
    """The Builder Service on the same platform, as somebody who knows its token sees it."""
    settings.MIDDLEWARE = settings.BUILDER_MIDDLEWARE
    settings.BUILDER_TOKEN = TOKEN
    return Api(TOKEN)


@pytest.fixture
def built(service: Api, embedded: Embedded) -> dict[str, Any]:
    """A finished task of greet.py, built and pushed."""
    form = {"file": upload(), "app_name": "greet", "workspace_id": TEAM}
    accepted = service.upload("/api/v1/build-and-push", form).json()
    embedded.work()
    task: dict[str, Any] = service.get(f"/api/v1/tasks/{accepted['task_id']}").json()
    return task
