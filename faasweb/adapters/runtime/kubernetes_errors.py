"""What a cluster refuses, in the product's words. Texts differ between its releases: status and reason decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faasweb.domain.errors import ClusterRefused, FaaswebError, NamespaceMissing, Unavailable

SPINKUBE = "core.spinkube.dev"
PASSING = (429, 500, 502, 503, 504)
TEXT_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    content: Mapping[str, Any] | None = None
    content_type: str = "application/json"

    @property
    def parts(self) -> Sequence[str]:
        """``apis, group, version, namespaces, ns, kind, name``, or ``api, v1, ...``."""
        return [part for part in self.path.partition("?")[0].split("/") if part]

    @property
    def group(self) -> str:
        return self.parts[1] if self.parts[0] == "apis" else ""

    @property
    def version(self) -> str:
        return self.parts[2] if self.parts[0] == "apis" else self.parts[1]

    @property
    def namespace(self) -> str:
        parts = self.parts
        return parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""

    @property
    def kind(self) -> str:
        """The resource, in plural."""
        rest = list(self.parts[3 if self.group else 2 :])
        if len(rest) > 2 and rest[0] == "namespaces":
            rest = rest[2:]
        return rest[0] if rest else ""

    @property
    def name(self) -> str:
        return self.parts[-1] if self.parts[-1] != self.kind else ""

    @property
    def verbs(self) -> str:
        """What a Role has to allow. An apply that makes its object needs both of the last."""
        if self.method == "GET":
            return "get" if self.name else "list"
        return {"DELETE": "delete", "POST": "create"}.get(self.method, "patch and create")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success; ``status_object`` is None when it was not Kubernetes that spoke."""

    request: Request
    status: int
    status_object: Mapping[str, Any] | None

    @property
    def reason(self) -> str:
        return str((self.status_object or {}).get("reason") or "")

    @property
    def message(self) -> str:
        return str((self.status_object or {}).get("message") or "")[:TEXT_LIMIT]

    @property
    def details(self) -> Mapping[str, Any]:
        found = (self.status_object or {}).get("details")
        return found if isinstance(found, dict) else {}

    @property
    def causes(self) -> Sequence[Mapping[str, Any]]:
        return [cause for cause in self.details.get("causes") or [] if isinstance(cause, dict)]

    @property
    def is_passing(self) -> bool:
        """Whether it may be different in a moment."""
        return self.status in PASSING

    @property
    def is_absent_object(self) -> bool:
        return self.status == 404 and bool(self.details.get("name")) and not self.is_absent_namespace

    @property
    def is_absent_namespace(self) -> bool:
        return self.status == 404 and self.details.get("kind") == "namespaces"


class FieldsOwned(Exception):
    """Another field manager owns what an apply would change. ``owners`` are names, ``fields`` paths in the object."""

    def __init__(self, owners: Sequence[str], fields: Sequence[str]) -> None:
        super().__init__(f"{', '.join(fields)} of {', '.join(owners)}")
        self.owners = owners
        self.fields = fields


def error_of(refusal: Refusal) -> FaaswebError | FieldsOwned:
    match refusal.status:
        case status if status < 400:
            return Unavailable("What answers at the cluster's address is no Kubernetes API server.")
        case 401:
            return ClusterRefused(
                "The Kubernetes cluster does not accept who we are: renew the kubeconfig or the token in it."
            )
        case 403:
            return _forbidden(refusal)
        case 404:
            return _absent(refusal)
        case 409:
            return _conflict(refusal)
        case status if status in PASSING:
            said = f": {refusal.message}" if refusal.message else ""
            return Unavailable(f"The Kubernetes cluster answered with an error of its own ({status}){said}")
        case _:
            return _invalid(refusal)


def _forbidden(refusal: Refusal) -> FaaswebError:
    asked = refusal.request
    if any(cause.get("reason") == "NamespaceTerminating" for cause in refusal.causes):
        return ClusterRefused(f"Namespace '{asked.namespace}' is being deleted.")
    if "denied the request" in refusal.message:  # an admission webhook: only its text says what is wrong
        return ClusterRefused(f"The cluster refuses {_what(asked)}: {refusal.message}")
    where = f" in namespace {asked.namespace}" if asked.namespace else ""
    group = asked.group or "the core API"
    return ClusterRefused(
        f"The cluster does not let faasweb {asked.verbs} {asked.kind}{where}: allow the verbs {asked.verbs} on "
        f"{asked.kind} of {group} in its Role (docs/kubernetes.md has all rules)."
    )


def _absent(refusal: Refusal) -> FaaswebError:
    asked = refusal.request
    if refusal.is_absent_namespace:
        return NamespaceMissing.of(asked.namespace or str(refusal.details.get("name") or ""))
    if refusal.is_absent_object:
        return Unavailable(f"{_what(asked)} was deleted meanwhile.")
    if asked.group == SPINKUBE:
        return ClusterRefused(
            f"SpinKube is not installed in this cluster: it does not know {SPINKUBE}/{asked.version}. "
            "Install SpinKube's custom resources and operator."
        )
    return ClusterRefused(f"The cluster does not know {asked.group or 'the core API'}/{asked.version}.")


def _conflict(refusal: Refusal) -> FaaswebError | FieldsOwned:
    owned = [cause for cause in refusal.causes if cause.get("reason") == "FieldManagerConflict"]
    if owned:
        owners = {str(cause.get("message") or "").partition('"')[2].partition('"')[0] for cause in owned}
        fields = [str(cause.get("field") or "") for cause in owned]
        return FieldsOwned(sorted(filter(None, owners)) or ["another manager"], fields)
    if refusal.reason == "AlreadyExists":
        return Unavailable(f"An earlier {_what(refusal.request)} is still being deleted.")
    return Unavailable(f"{_what(refusal.request)} was changed by somebody else at this moment.")


def _invalid(refusal: Refusal) -> FaaswebError:
    faults = [f"{cause.get('field') or ''}: {cause.get('message') or ''}".strip(": ") for cause in refusal.causes]
    said = "; ".join(dict.fromkeys(filter(None, faults)))[:TEXT_LIMIT] or refusal.message or refusal.reason
    message = f"The cluster refuses {_what(refusal.request)} ({refusal.status}){': ' if said else ''}{said}"
    return ClusterRefused(message)


def _what(asked: Request) -> str:
    return f"{asked.kind} {asked.name}".strip()
