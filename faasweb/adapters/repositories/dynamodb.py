"""The table in DynamoDB, through boto3's low-level client."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from faasweb.adapters.repositories.assembly import repositories_over
from faasweb.adapters.repositories.dynamodb_values import condition, from_item, to_item, update_expression
from faasweb.adapters.repositories.dynamodb_wire import read_as_it_comes
from faasweb.adapters.repositories.executions import RETENTION
from faasweb.adapters.repositories.table import (
    FIRST,
    LAST,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Operation,
    Put,
    Update,
    check_size,
    checked,
    storable,
)
from faasweb.domain.errors import TooLarge, Unavailable
from faasweb.ports import Repositories

BATCH = 100
TRIES = 10
_TRANSIENT = {
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
}
_TRANSIENT_REASONS = {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
BUSY = "The storage is busy: too many writers want the same items."


def open_repositories(client: Any, table_name: str, *, retention: timedelta = RETENTION) -> Repositories:
    """``client`` is ``boto3.client("dynamodb")``; the table exists, with PK and SK as its keys."""
    return repositories_over(DynamoTable(client, table_name), retention)


class DynamoTable:
    """Reads are strongly consistent: whoever was told that something is saved, sees it."""

    def __init__(self, client: Any, table_name: str) -> None:
        read_as_it_comes(client)
        self._client = client
        self._name = table_name

    def get(self, key: Key) -> Item | None:
        if not storable(key):
            return None
        with _translated():
            answer = self._client.get_item(TableName=self._name, Key=_key(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def batch_get(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        wanted = [_key(key) for key in dict.fromkeys(keys) if storable(key)]
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), BATCH):
            for item in self._batch(wanted[start : start + BATCH]):
                found[item["PK"], item["SK"]] = item
        return found

    def _batch(self, keys: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
        """DynamoDB leaves out what it has no capacity or room for; that is asked for again."""
        for attempt in range(TRIES):
            _pause(attempt)
            request = {self._name: {"Keys": keys, "ConsistentRead": True}}
            with _translated():
                answer = self._client.batch_get_item(RequestItems=request)
            items = answer["Responses"].get(self._name, [])
            yield from map(from_item, items)
            keys = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not keys:
                return
        raise _Busy(BUSY)

    def query(
        self,
        pk: str,
        first: str = FIRST,
        last: str = LAST,
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Sequence[Item]:
        if not storable((pk, first)) or limit == 0:
            return []
        arguments = {
            "TableName": self._name,
            "ConsistentRead": True,
            "ScanIndexForward": not reverse,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :first AND :last",
            "ExpressionAttributeNames": {"#pk": "PK", "#sk": "SK"},
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": last}},
        }
        if keys_only:
            arguments["ProjectionExpression"] = "#pk, #sk"
        if after is not None:
            arguments["ExclusiveStartKey"] = _key((pk, after))
        return self._pages(arguments, limit)

    def _pages(self, arguments: dict[str, Any], limit: int | None) -> Sequence[Item]:
        found: list[Item] = []
        while limit is None or len(found) < limit:
            if limit is not None:
                arguments["Limit"] = limit - len(found)
            with _translated():
                answer = self._client.query(**arguments)
            found += map(from_item, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                break
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found

    def write(self, operations: Sequence[Operation]) -> None:
        """Conflicts with other transactions are no answer to anybody: they are tried again.

        The token is the same in each try, so a try that was carried out without an answer is not carried out twice.
        """
        token = str(uuid.uuid4())
        request = [self._request(operation) for operation in checked(operations)]
        for attempt in range(TRIES):
            _pause(attempt)
            try:
                with _translated():
                    self._client.transact_write_items(TransactItems=request, ClientRequestToken=token)
            except _Busy:
                continue
            return
        raise _Busy(BUSY)

    def _request(self, operation: Operation) -> Mapping[str, Any]:
        target = {"TableName": self._name}
        match operation:
            case Put(key, item):
                check_size(item)
                return {"Put": target | {"Item": to_item(item) | _key(key)} | condition(operation.when)}
            case Update(key):
                check_size(operation.set)
                return {"Update": target | {"Key": _key(key)} | update_expression(operation)}
            case Delete(key):
                return {"Delete": target | {"Key": _key(key)} | condition(operation.when)}
            case Check(key):
                return {"ConditionCheck": target | {"Key": _key(key)} | condition(operation.when)}

    def expire(self, now: datetime, limit: int) -> int:
        """Nothing: DynamoDB does it by itself."""
        return 0


def _key(key: Key) -> dict[str, Any]:
    return {"PK": {"S": key[0]}, "SK": {"S": key[1]}}


def _pause(attempt: int) -> None:
    """Longer with every attempt and never the same, so that those who collided do not collide again."""
    if attempt:
        time.sleep(random.uniform(0, min(0.01 * 2**attempt, 1.0)))  # noqa: S311 - protects nothing


class _Busy(Unavailable):
    """Trying again helps."""


@contextmanager
def _translated() -> Iterator[None]:
    """Vendor errors stop here. Their own texts are never passed on: they name accounts and tables."""
    try:
        yield
    except ClientError as exc:
        raise _meaning(exc) from exc
    except BotoCoreError as exc:
        raise Unavailable("The storage does not answer.") from exc


def _meaning(exc: ClientError) -> Exception:
    code, text = exc.response["Error"]["Code"], exc.response["Error"].get("Message", "")
    reasons = exc.response.get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    if "ConditionalCheckFailed" in codes:
        return ConditionFailed(index for index, code in enumerate(codes) if code == "ConditionalCheckFailed")
    if code in _TRANSIENT or _TRANSIENT_REASONS.intersection(codes):
        return _Busy(BUSY)
    if any("size" in reason.get("Message", "").lower() for reason in [*reasons, {"Message": text}] if reason):
        return TooLarge("This is too large to be stored.")
    if code == "ResourceNotFoundException":
        return Unavailable("The storage's table does not exist.")
    return Unavailable("The storage refused the request.")
