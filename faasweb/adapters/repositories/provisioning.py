"""Making the table, and saying what stands in the way in words that an operator can act on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError, WaiterError

from faasweb.adapters.repositories.table import EXPIRES
from faasweb.domain.errors import InvalidInput, Unavailable

Say = Callable[[str], None]
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}\Z")
_DENIED = {"AccessDeniedException", "AccessDenied"}
_UNKNOWN = {
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
}
_WITHOUT_BACKUPS = {"UnknownOperationException", "ValidationException"}
"""What look-alikes of DynamoDB answer when asked for backups."""
BACKUP_TRIES = 10
WITHOUT_CREDENTIALS = (
    "There are no AWS credentials: give this process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)


def create_table(client: Any, table_name: str, say: Say = lambda line: None) -> None:
    """Make the table, on demand, with time to live and backups. What is there already stays as it is.

    Unavailable says what is in the way. Tells ``say`` what was done, a line at a time.
    """
    if not _NAME.match(table_name):
        raise InvalidInput(f"{table_name!r} can't be a table's name: 3 to 255 letters, digits, _ . or -.")
    with explained():
        _make(client, table_name, say)
        check_keys(client, table_name)
        _forget_expired(client, table_name, say)
        _back_up(client, table_name, say)


def _make(client: Any, table_name: str, say: Say) -> None:
    try:
        client.create_table(
            TableName=table_name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
    except client.exceptions.ResourceInUseException:
        say(f"table {table_name}: exists")
    else:
        say(f"table {table_name}: made, billed on demand")
    client.get_waiter("table_exists").wait(TableName=table_name)


def check_keys(client: Any, table_name: str) -> None:
    """Unavailable unless the table's keys are the text attributes PK and SK."""
    with explained():
        table = client.describe_table(TableName=table_name)["Table"]
    kinds = {definition["AttributeName"]: definition["AttributeType"] for definition in table["AttributeDefinitions"]}
    found = [(part["AttributeName"], part["KeyType"], kinds.get(part["AttributeName"])) for part in table["KeySchema"]]
    if found != [("PK", "HASH", "S"), ("SK", "RANGE", "S")]:
        raise Unavailable(f"{table_name} is another kind of table: its keys are not PK and SK. Choose another name.")


def _forget_expired(client: Any, table_name: str, say: Say) -> None:
    current = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        say(f"time to live: on, by {current.get('AttributeName', EXPIRES)}")
        return
    specification = {"Enabled": True, "AttributeName": EXPIRES}
    client.update_time_to_live(TableName=table_name, TimeToLiveSpecification=specification)
    say(f"time to live: switched on, by {EXPIRES}")


def _back_up(client: Any, table_name: str, say: Say) -> None:
    """Right after a table was made, AWS refuses this for some seconds."""
    for attempt in range(BACKUP_TRIES):
        try:
            _switch_backups_on(client, table_name, say)
        except ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code in _WITHOUT_BACKUPS:
                return say("point-in-time recovery: not offered here")
            if code != "ContinuousBackupsUnavailableException" or attempt == BACKUP_TRIES - 1:
                raise
            time.sleep(2)
        else:
            return None
    return None


def _switch_backups_on(client: Any, table_name: str, say: Say) -> None:
    described = client.describe_continuous_backups(TableName=table_name)["ContinuousBackupsDescription"]
    if described.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED":
        return say("point-in-time recovery: on")
    specification = {"PointInTimeRecoveryEnabled": True}
    client.update_continuous_backups(TableName=table_name, PointInTimeRecoverySpecification=specification)
    return say("point-in-time recovery: switched on")


@contextmanager
def explained() -> Iterator[None]:
    """Vendor errors as Unavailable with what to do, also those that an adapter had already made anonymous."""
    try:
        yield
    except Unavailable as exc:
        if isinstance(exc.__cause__, ClientError | BotoCoreError):
            raise Unavailable(_reason(exc.__cause__)) from exc
        raise
    except (ClientError, BotoCoreError) as exc:
        raise Unavailable(_reason(exc)) from exc


def _reason(exc: ClientError | BotoCoreError) -> str:
    if isinstance(exc, NoCredentialsError | PartialCredentialsError):
        return WITHOUT_CREDENTIALS
    if isinstance(exc, WaiterError):
        return "The table was made but is not ready yet: try again in a minute."
    if not isinstance(exc, ClientError):
        return f"AWS does not answer ({type(exc).__name__}): check AWS_REGION, AWS_ENDPOINT_URL and the network."
    code = exc.response["Error"]["Code"]
    if code in _DENIED:
        return f"These credentials do not allow {exc.operation_name}: docs/aws.md has the policy that is needed."
    if code in _UNKNOWN:
        return f"AWS does not accept these credentials ({code}): they are wrong or have expired."
    if code == "ResourceNotFoundException":
        return "The table does not exist: `manage.py create_table` makes it. Check DYNAMODB_TABLE_NAME and AWS_REGION."
    return f"AWS refused {exc.operation_name} ({code})."
