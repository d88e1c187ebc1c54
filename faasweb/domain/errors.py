"""What can go wrong, in the product's own words. Doors turn a kind into a status; nothing here knows HTTP."""

from __future__ import annotations


class FaaswebError(Exception):
    """Base of every expected refusal.

    ``message`` is a sentence for the person who asked; ``details`` are JSON-ready facts (``field``, ``limit`` ...).
    Neither ever holds a secret, a server path or a vendor's raw text.
    """

    code = "ERROR"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(FaaswebError):
    """A value breaks a rule. ``details["field"]`` names the field as the JSON API spells it."""

    code = "VALIDATION_ERROR"


class NamespaceMissing(InvalidInput):
    """A deployment names a Kubernetes namespace that is not there."""

    @classmethod
    def of(cls, namespace: str) -> NamespaceMissing:
        return cls(f"Namespace '{namespace[:253]}' not found", field="namespace")


class Unauthenticated(FaaswebError):
    code = "UNAUTHENTICATED"


class NotAllowed(FaaswebError):
    """The actor is known and may see the thing, but not do this to it."""

    code = "FORBIDDEN"


class NotFound(FaaswebError):
    """Absent, or hidden from this actor: the two are indistinguishable on purpose."""

    code = "NOT_FOUND"


class Conflict(FaaswebError):
    """Somebody else changed or holds the thing. Read it again, then decide."""

    code = "CONFLICT"


class Stale(FaaswebError):
    """What is being saved started from something older than what is stored. Asking again will not help: decide first.

    ``details["current_hash"]`` is the hash of the code that is saved now.
    """

    code = "CONFLICT"


class MethodNotAllowed(FaaswebError):
    """The function does not answer this HTTP method; ``details["allowed"]`` lists those it does."""

    code = "METHOD_NOT_ALLOWED"


class NotReady(FaaswebError):
    """The thing exists but can't do this yet: not deployed, disabled, still being prepared."""

    code = "NOT_DEPLOYED"


class TooLarge(FaaswebError):
    code = "TOO_LARGE"


class RateLimited(FaaswebError):
    """``details["retry_after_s"]`` says when to ask again."""

    code = "RATE_LIMITED"


class TimedOut(FaaswebError):
    code = "TIMEOUT"


class Unavailable(FaaswebError):
    """A part behind the product did not answer; asking again later may work."""

    code = "UNAVAILABLE"


class ClusterRefused(FaaswebError):
    """The Kubernetes cluster says no, and will say so again: a right, a part or a valid value is missing."""

    code = "CLUSTER_ERROR"


class InvocationFailed(Unavailable):
    """The function could not be reached or ended without an answer."""

    code = "INVOCATION_ERROR"


class LogsUnavailable(Unavailable):
    code = "LOKI_CONNECTION_ERROR"


class MetricsUnavailable(Unavailable):
    code = "PROMETHEUS_CONNECTION_ERROR"


class BuilderUnavailable(Unavailable):
    code = "BUILDER_CONNECTION_ERROR"


class BuilderTimedOut(BuilderUnavailable):
    """The Builder Service was reached and did not answer in time."""


class BuilderBroken(BuilderUnavailable):
    """The Builder Service answered with an error of its own, or with something that no Builder Service says."""
