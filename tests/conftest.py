from __future__ import annotations

import boto3
import pytest
from hypothesis import settings

from tests.kubernetes_server import api_server

# How long an example takes says more about what else the machine does.
settings.register_profile("faasweb", settings(deadline=None))
settings.load_profile("faasweb")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory):
    """Django's test database is a file: the edge reads it on threads of its own, which could not share memory."""
    from django.conf import settings

    test = settings.DATABASES["default"].setdefault("TEST", {})
    test["NAME"] = str(tmp_path_factory.mktemp("django") / "django.db")


@pytest.fixture(scope="session")
def aws_session():
    """Clients of one session share what they read of the services, which takes ten times as long as all else."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.fixture(scope="session")
def kubernetes():
    """A real Kubernetes API server that the tests of this process share; skips where there can't be one."""
    with api_server() as server:
        yield server
