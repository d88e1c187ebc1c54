"""A code store in an S3 bucket."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from faasweb.adapters.codestore.keys import checked, checked_prefix
from faasweb.domain.errors import NotFound, Unavailable

_ABSENT = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class S3CodeStore:
    """Objects of ``bucket``, which must exist. ``client`` is ``boto3.client("s3")`` with time limits of its own.

    Needs s3:GetObject, PutObject, DeleteObject and ListBucket (without the last, what is absent looks forbidden).
    """

    client: Any  # boto3 makes the class of its clients at run time
    bucket: str

    def put(self, key: str, content: bytes) -> None:
        checked(key)
        with _errors(key):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def put_file(self, key: str, path: Path) -> None:
        """In parts when the file is large, so that its size is limited by S3 (5 TB) and not by one request."""
        checked(key)
        if not path.is_file():
            raise NotFound(f"There is no file to store as {key}.")
        with _errors(key):
            self.client.upload_file(str(path), self.bucket, key)

    def get(self, key: str) -> bytes:
        checked(key)
        with _errors(key):
            content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def fetch(self, key: str, target: Path) -> None:
        checked(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with _errors(key):
                self.client.download_file(self.bucket, key, str(partial))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        checked(key)
        try:
            with _errors(key):
                self.client.head_object(Bucket=self.bucket, Key=key)
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        with _errors(key):
            self.client.delete_object(Bucket=self.bucket, Key=checked(key))

    def delete_prefix(self, prefix: str) -> int:
        checked_prefix(prefix)
        deleted = 0
        with _errors(prefix):
            # A page of the list has at most 1,000 keys, as many as one delete request takes.
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                deleted += self._delete([item["Key"] for item in page.get("Contents", ())])
        return deleted

    def location(self, key: str) -> str:
        return f"s3://{self.bucket}/{checked(key)}"

    def ping(self) -> None:
        try:
            with _errors("ping"):
                self.client.head_bucket(Bucket=self.bucket)
        except NotFound as exc:
            raise Unavailable(f"The bucket {self.bucket} does not exist.") from exc

    def _delete(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        request = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        # One object's refusal does not fail the request: it is listed in a successful answer.
        if self.client.delete_objects(Bucket=self.bucket, Delete=request).get("Errors"):
            raise Unavailable("S3 did not delete everything that was asked.")
        return len(keys)


@contextlib.contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "")
        if code in _ABSENT:
            raise NotFound(f"{what} is not in the code store.") from exc
        raise Unavailable(f"S3 refused {what} ({code}).") from exc
    except (BotoCoreError, Boto3Error) as exc:
        raise Unavailable("S3 did not answer.") from exc
