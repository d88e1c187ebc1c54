"""As whom the platform itself goes to a registry."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

from faasweb.domain import clock
from faasweb.domain.errors import NotAllowed, Unavailable
from faasweb.domain.images import ImageRef, RegistryRules

_ECR = re.compile(
    r"(?P<account>\d+)\.dkr(?:\.ecr|-ecr)(?:-fips)?\.(?P<region>[a-z]{2}[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)\Z"
)
_NO_ROLE = "ECR credentials could not be obtained via the platform's role (IRSA)"
_SOON = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def ecr_region(registry: str) -> str | None:
    """The region of an Elastic Container Registry; None for any other registry."""
    found = _ECR.match(registry)
    return found["region"] if found else None


class PlatformCredentials:
    """ECR's from the role of this process, which a pod has through its service account; others from the settings.

    Those of the settings are shown only to registries that an operator has named.
    """

    def __init__(
        self, rules: RegistryRules, username: str, password: str, ecr_client: Callable[[str], Any] | None = None
    ) -> None:
        self.rules = rules
        self.given = Login(username, password) if username and password else None
        self.ecr_client = ecr_client
        self.tokens: dict[str, tuple[Login, datetime]] = {}  # by region

    def of(self, ref: ImageRef) -> Login | None:
        """None to go there without a name. NotAllowed when the role gives none for ECR, Unavailable."""
        region = ecr_region(ref.registry)
        if region is not None and self.ecr_client is not None:
            return self._of_ecr(region)
        return self.given if self.rules.trusts(ref.name) else None

    def _of_ecr(self, region: str) -> Login:
        login, until = self.tokens.get(region, (None, None))
        if login is None or until is None or clock.now() > until - _SOON:
            login, until = self._ask_ecr(region)
            self.tokens[region] = login, until
        return login

    def _ask_ecr(self, region: str) -> tuple[Login, datetime]:
        assert self.ecr_client is not None  # noqa: S101 - for the type checker; ``of`` has looked
        try:
            data = self.ecr_client(region).get_authorization_token()["authorizationData"][0]
            username, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        except ClientError as exc:
            code = str(exc.response.get("Error", {}).get("Code", ""))
            if code in ("ThrottlingException", "ServerException", "InternalFailure", "ServiceUnavailable"):
                raise Unavailable(f"ECR in {region} is too busy to hand out credentials.") from exc
            raise NotAllowed(f"{_NO_ROLE}: allow it ecr:GetAuthorizationToken in {region}.") from exc
        except (EndpointConnectionError, HTTPClientError) as exc:
            raise Unavailable(f"ECR in {region} did not answer when it was asked for credentials.") from exc
        except BotoCoreError as exc:
            raise NotAllowed(f"{_NO_ROLE}: this process has no role, or AWS does not accept it.") from exc
        except (LookupError, binascii.Error, UnicodeDecodeError) as exc:
            raise Unavailable(f"ECR in {region} answered without credentials.") from exc
        return Login(username, password), data.get("expiresAt") or clock.now() + timedelta(hours=1)
