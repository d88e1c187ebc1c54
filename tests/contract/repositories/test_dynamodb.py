"""What only DynamoDB does: conflicts of transactions, unprocessed keys, errors with texts that nobody should see."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from faasweb.adapters.repositories import dynamodb
from faasweb.adapters.repositories.dynamodb import DynamoTable, open_repositories
from faasweb.adapters.repositories.provisioning import create_table
from faasweb.adapters.repositories.table import ConditionFailed, Put
from faasweb.domain.errors import TooLarge, Unavailable
from faasweb.domain.workspaces import Workspace

WRITE = [Put(("p", "s"), {}), Put(("p", "t"), {})]


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "dynamodb", region_name="ap-northeast-2", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "_pause", lambda attempt: None)


def cancelled(stubber: Stubber, *codes: str, message: str = "raw text of account 123456789012") -> None:
    stubber.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        message,
        modeled_fields={"CancellationReasons": [{"Code": code, "Message": message} for code in codes]},
    )


def test_a_table_is_made_once_with_its_time_to_live(dynamodb_client: Any):
    create_table(dynamodb_client, "data")
    create_table(dynamodb_client, "data")
    described = dynamodb_client.describe_time_to_live(TableName="data")["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    store = open_repositories(dynamodb_client, "data")
    workspace = Workspace.create("Team")
    store.workspaces.add(workspace)
    assert list(store.workspaces.list()) == [workspace]


def test_a_missing_table_is_unavailable(dynamodb_client: Any):
    table = DynamoTable(dynamodb_client, "absent")
    for call in (lambda: table.get(("p", "s")), lambda: table.query("p"), lambda: table.batch_get([("p", "s")])):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.message == "The storage's table does not exist."


def test_conflicts_with_other_transactions_are_tried_again(client: Any):
    tokens = set()
    client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems",
        lambda params, **_: tokens.add(params["ClientRequestToken"]),
    )
    with Stubber(client) as stubber:
        cancelled(stubber, "TransactionConflict", "None")
        cancelled(stubber, "None", "ThrottlingError")
        stubber.add_client_error("transact_write_items", "TransactionInProgressException")
        stubber.add_response("transact_write_items", {})
        DynamoTable(client, "data").write(WRITE)
        stubber.assert_no_pending_responses()
    assert len(tokens) == 1, "a try that was carried out without an answer must not be carried out again"


def test_endless_conflicts_are_unavailable(client: Any):
    with Stubber(client) as stubber:
        for _ in range(dynamodb.TRIES):
            cancelled(stubber, "TransactionConflict", "None")
        with pytest.raises(Unavailable):
            DynamoTable(client, "data").write(WRITE)


def test_a_condition_that_fails_beside_a_conflict_counts(client: Any):
    with Stubber(client) as stubber:
        cancelled(stubber, "TransactionConflict", "ConditionalCheckFailed")
        with pytest.raises(ConditionFailed) as caught:
            DynamoTable(client, "data").write(WRITE)
    assert caught.value.indexes == {1}


def test_an_update_that_outgrows_its_item_is_too_large(client: Any):
    with Stubber(client) as stubber:
        message = "Item size to update has exceeded the maximum allowed size"
        cancelled(stubber, "None", "ValidationError", message=message)
        with pytest.raises(TooLarge):
            DynamoTable(client, "data").write(WRITE)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "UnrecognizedClientException"])
def test_refusals_never_show_the_vendors_text(client: Any, code: str):
    with Stubber(client) as stubber:
        stubber.add_client_error("get_item", code, "arn:aws:dynamodb:ap-northeast-2:123456789012:table/data")
        with pytest.raises(Unavailable) as caught:
            DynamoTable(client, "data").get(("p", "s"))
    assert isinstance(caught.value.__cause__, ClientError)
    assert caught.value.message == "The storage refused the request."


def test_nobody_at_the_other_end_is_unavailable(client: Any, monkeypatch: pytest.MonkeyPatch):
    def refuse(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://10.0.0.1:8000")

    monkeypatch.setattr(client, "query", refuse)
    with pytest.raises(Unavailable) as caught:
        DynamoTable(client, "data").query("p")
    assert caught.value.message == "The storage does not answer."


def test_keys_that_were_not_processed_are_asked_for_again(client: Any):
    keys = [("p", "1"), ("p", "2"), ("p", "3")]
    raw = [{"PK": {"S": pk}, "SK": {"S": sk}} for pk, sk in keys]
    with Stubber(client) as stubber:
        for done, left in ((raw[:1], raw[1:]), ([], raw[1:]), (raw[1:], [])):
            unprocessed = {"data": {"Keys": left}} if left else {}
            stubber.add_response("batch_get_item", {"Responses": {"data": done}, "UnprocessedKeys": unprocessed})
        assert list(DynamoTable(client, "data").batch_get(keys)) == keys
        stubber.assert_no_pending_responses()


def test_an_answer_that_is_no_json_is_unavailable(client: Any):
    answer = AWSResponse("http://localhost", 200, {}, RawBody(b"<html>"))
    client.meta.events.register("before-send.dynamodb.GetItem", lambda **_: answer)
    with pytest.raises(Unavailable):
        DynamoTable(client, "data").get(("p", "s"))


class RawBody(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def test_a_clients_answers_are_taken_once_however_many_tables_use_it(dynamodb_client: Any, dynamodb_table: DynamoTable):
    item = {"text": "큰", "number": 1.5, "list": [1, None, {"deep": True}], "empty": {}}
    dynamodb_table.write([Put(("p", "s"), item)])
    again = DynamoTable(dynamodb_client, "data")
    for table in (dynamodb_table, again):
        assert table.get(("p", "s")) == item | {"PK": "p", "SK": "s"}
        assert table.query("p") == [item | {"PK": "p", "SK": "s"}]
