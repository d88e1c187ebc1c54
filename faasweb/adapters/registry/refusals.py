"""What a registry says when it says no, in sentences that tell what to do. Its own words are not repeated."""

from __future__ import annotations

import json
import re

from faasweb.adapters.registry.credentials import ecr_region
from faasweb.domain.errors import Conflict, FaaswebError, InvalidInput, NotAllowed, NotFound, TooLarge

_CODE = re.compile(r"[A-Za-z_]{1,60}\Z")
_IMMUTABLE = re.compile(rb"immutable|ImageTagAlreadyExists", re.IGNORECASE)


def refusal(status: int, content: bytes, host: str, repository: str) -> FaaswebError:
    """A 4xx answer as an error that asking again would not change."""
    name, code = f"{host}/{repository}", _code(content)
    if status == 404 and code in ("BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"):
        return NotFound(f"There is no such image in {name}.", field="image_ref")
    if status == 404:
        return NotFound(_no_repository(host, repository), field="registry_url")
    if status == 403:
        return NotAllowed(f"Registry {host} denies this: the user may not do that in {repository}.")
    if status == 413:
        return TooLarge(f"Registry {host} says that the image is too large.")
    if status in (400, 409) and _IMMUTABLE.search(content):
        return Conflict(f"The tag exists in {name} and can't be changed there: choose another one.", field="tag")
    told = f" ({code})" if code else ""
    return InvalidInput(f"Registry {host} refused the image with {status}{told}.", field="registry_url")


def _no_repository(host: str, repository: str) -> str:
    region = ecr_region(host)
    if region is None:
        return f"Registry {host} has no repository {repository}, or hides it from this user."
    command = f"aws ecr create-repository --repository-name {repository} --region {region}"
    return f"ECR has no repository {repository} in {region}. Create it, for example with `{command}`, then try again."


def _code(content: bytes) -> str:
    """The first code of the answer's list of errors."""
    try:
        code = json.loads(content)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) and _CODE.match(code) else ""
