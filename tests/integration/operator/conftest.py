from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.integration.conftest import Embedded


@pytest.fixture
def root(embedded: Embedded, db) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def browser(root: User) -> Client:
    """Of an operator."""
    client = Client(headers={"host": "localhost"})
    client.force_login(root)
    return client
