"""`create_table` and what stands in its way; a server of this machine plays an AWS that refuses."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from django.core.management import CommandError, call_command
from moto import mock_aws

from faasweb import bootstrap
from tests.integration.aws.conftest import REGION, TABLE


def told(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def table_named(settings, credentials) -> None:
    settings.DYNAMODB_TABLE_NAME = TABLE


@dataclass
class Refusing:
    """What was asked, and the error that everything is answered with."""

    url: str = ""
    code: str = "AccessDeniedException"
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def refusing(settings, table_named) -> Iterator[Refusing]:
    told_to = Refusing()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            told_to.asked.append(self.headers.get("x-amz-target") or f"{self.command} {self.path}")
            problem = {"__type": f"com.amazonaws.dynamodb.v20120810#{told_to.code}", "message": "arn:aws:secret"}
            body = json.dumps(problem).encode()
            self.send_response(400)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            told_to.asked.append(f"{self.command} {self.path}")
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told_to.url = settings.AWS_ENDPOINT_URL = f"http://127.0.0.1:{server.server_port}"
    yield told_to
    server.shutdown()
    server.server_close()


@mock_aws
def test_a_table_is_made_with_time_to_live_and_backups_and_again_is_harmless(table_named):
    made = told("create_table")
    assert made.splitlines() == [
        f"table {TABLE}: made, billed on demand",
        "time to live: switched on, by expires_at",
        "point-in-time recovery: switched on",
    ]
    client = boto3.client("dynamodb", region_name=REGION)
    described = client.describe_table(TableName=TABLE)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    backups = client.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert told("create_table").splitlines() == [
        f"table {TABLE}: exists",
        "time to live: on, by expires_at",
        "point-in-time recovery: on",
    ]


@mock_aws
def test_a_table_with_other_keys_is_not_touched(table_named):
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(CommandError, match="its keys are not PK and SK"):
        told("create_table")


@pytest.mark.parametrize("command", ["create_table", "adopt_table"])
def test_without_a_tables_name_it_says_what_to_set(settings, command):
    settings.DYNAMODB_TABLE_NAME = ""
    with pytest.raises(CommandError, match="set DYNAMODB_TABLE_NAME"):
        told(command)


def test_a_name_that_aws_would_refuse_is_refused(settings, credentials):
    settings.DYNAMODB_TABLE_NAME = "my table"
    with pytest.raises(CommandError, match="3 to 255 letters"):
        told("create_table")


@pytest.mark.parametrize("command", ["create_table", "adopt_table"])
def test_without_credentials_it_says_so(table_named, monkeypatch, tmp_path, command):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(CommandError, match="There are no AWS credentials"):
        told(command)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", "do not allow CreateTable: docs/aws.md"),
        ("UnrecognizedClientException", "wrong or have expired"),
        ("ExpiredTokenException", "wrong or have expired"),
        ("LimitExceededException", r"AWS refused CreateTable \(LimitExceededException\)"),
    ],
)
def test_refusals_say_what_to_do_and_never_the_vendors_text(refusing, code, said):
    refusing.code = code
    with pytest.raises(CommandError, match=said) as caught:
        told("create_table")
    assert "arn:" not in str(caught.value)
    assert set(refusing.asked) == {"DynamoDB_20120810.CreateTable"}, "AWS_ENDPOINT_URL says where AWS is"


def test_adopting_without_permission_says_which(refusing):
    with pytest.raises(CommandError, match="do not allow DescribeTable"):
        told("adopt_table")


def test_nobody_at_the_endpoint_is_said_so(settings, table_named):
    settings.AWS_ENDPOINT_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match=r"AWS does not answer .* check AWS_REGION, AWS_ENDPOINT_URL"):
        told("create_table")


@pytest.mark.django_db
def test_the_code_store_asks_the_endpoint_too(refusing, settings, tmp_path):
    settings.DATA_DIR, settings.S3_BUCKET_NAME = tmp_path, "code"
    problems = bootstrap.platform_of(bootstrap.adapters_from_settings()).readiness.problems()
    assert problems["code store"] == "The bucket code does not exist."
    assert problems["storage"] == "The storage refused the request."
    assert "HEAD /code" in refusing.asked
