"""Where things are kept, by the settings; the steps that make a table usable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from faasweb.bootstrap import aws
from faasweb.ports import CodeStore, Repositories


def repositories() -> Repositories:
    retention = timedelta(days=settings.EXECUTION_RETENTION_DAYS)
    if settings.DYNAMODB_TABLE_NAME:
        from faasweb.adapters.repositories import dynamodb

        return dynamodb.open_repositories(aws.client("dynamodb"), settings.DYNAMODB_TABLE_NAME, retention=retention)
    from faasweb.adapters.repositories import sqlite

    return sqlite.open_repositories(settings.DATA_DIR / "faasweb.db", retention=retention)


def create_table(say: Callable[[str], None]) -> None:
    """Make the table in DynamoDB, if it is not there; ``say`` hears what was done."""
    from faasweb.adapters.repositories import provisioning

    provisioning.create_table(aws.client("dynamodb"), _table_name(), say)


def adopt_table(say: Callable[[str], None], *, dry_run: bool) -> Iterable[str]:
    """Make a table of the earlier system usable; the lines of a summary."""
    from faasweb.adapters.repositories.adoption import Adoption

    adoption = Adoption(aws.client("dynamodb"), _table_name(), code_store(), say, dry_run=dry_run)
    return adoption.run().lines(dry_run=dry_run)


def _table_name() -> str:
    if not settings.DYNAMODB_TABLE_NAME:
        raise ImproperlyConfigured("set DYNAMODB_TABLE_NAME to the table's name")
    name: str = settings.DYNAMODB_TABLE_NAME
    return name


def code_store() -> CodeStore:
    if settings.S3_BUCKET_NAME:
        from faasweb.adapters.codestore.s3 import S3CodeStore

        return S3CodeStore(aws.client("s3"), settings.S3_BUCKET_NAME)
    from faasweb.adapters.codestore.filesystem import FilesystemCodeStore

    return FilesystemCodeStore(settings.DATA_DIR / "code")
