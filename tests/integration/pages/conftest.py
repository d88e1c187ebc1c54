"""Pages as one person's browser asks for them."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from faasweb.domain.access import Role
from faasweb.domain.functions import Function, FunctionSettings
from faasweb.domain.source import Source
from faasweb.domain.workspaces import Workspace
from tests.integration.conftest import HELLO, Embedded, actor_for

HEADERS = {"host": "localhost", "accept": "text/html"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(django_user_model: Any) -> Callable[..., Client]:
    """``browser("ada")`` is hers, signed in; ``browser()`` a stranger's."""

    def make(name: str | None = None, **more: Any) -> Client:
        client = Client(headers=HEADERS, **more)
        if name:
            client.force_login(django_user_model.objects.get(username=name))
        return client

    return make


@pytest.fixture
def ada(workspace: Workspace, browser: Callable[..., Client]) -> Client:
    """The owner of the workspace."""
    return browser("ada")


@pytest.fixture
def member(embedded: Embedded, workspace: Workspace, person: Any, browser: Callable[..., Client]) -> Any:
    """``member("viewer")`` is the browser of a new user with that role in Ada's workspace."""

    def make(role: str) -> Client:
        person(role)
        embedded.platform.accounts.set_role(workspace.id, role, Role(role))
        return browser(role)

    return make


@pytest.fixture
def greet(embedded: Embedded, workspace: Workspace, django_user_model: Any) -> Function:
    """A function of Ada's that was never deployed."""
    ada = actor_for(django_user_model.objects.get(username="ada"))
    settings = FunctionSettings(http_methods=("GET", "POST"))
    return embedded.platform.functions.create(ada, workspace.id, "greet", Source.single(HELLO), settings=settings)


def at(function: Function, place: str = "") -> str:
    base = f"/workspaces/{function.workspace_id}/functions/{function.id}"
    return f"{base}/{place}" if place else base


def said(answer: Any) -> str:
    """What the reader reads: the text of the page, without tags."""
    body = re.sub(r"(?s)<(script|template|head)\b.*?</\1>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def is_whole_page(answer: Any) -> bool:
    return b"<!doctype html>" in answer.content.lower()
