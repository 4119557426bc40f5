"""The tree of refusals.

    ServiceError                 expected refusal, shown to the caller
      BadRequest                 400 bad-request
        InvalidInput             400 invalid-input      (every fault listed)
      Unauthorised               401 unauthorised
      Forbidden                  403 forbidden
      NotFound                   404 not-found
      Conflict                   409 conflict
        IdempotencyKeyReused     409 idempotency-key-reused
      PayloadTooLarge            413 payload-too-large
      TooManyRequests            429 too-many-requests
      Unavailable                503 unavailable
    ProviderError                the world outside
      TransientProviderError     worth another try, perhaps after `retry_after_s`
      PermanentProviderError     will never work

Everything else is a bug: 500 with a trace id. Raise in flows and states; catch at api, jobs and adapters' edges only.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """Expected refusal, shown to the caller. `detail` and `facts` never carry personal data."""

    status: ClassVar[int] = 400
    kind: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request cannot be served"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.facts = facts


class BadRequest(ServiceError):
    """The request is not well formed or asks for something that is not allowed."""

    status, kind, title = 400, "bad-request", "The request cannot be served"


class InvalidInput(BadRequest):
    """One or more fields are wrong; `faults` names each: [{"field": …, "message": …}]."""

    status, kind, title = 400, "invalid-input", "Some fields are wrong"

    def __init__(self, faults: list[dict[str, str]], detail: str = "Correct the fields named in faults.") -> None:
        super().__init__(detail, faults=faults)
        self.faults = faults


class Unauthorised(ServiceError):
    """No usable credentials were sent."""

    status, kind, title = 401, "unauthorised", "Credentials are missing"


class Forbidden(ServiceError):
    """The credentials are known to be wrong, or do not reach this far."""

    status, kind, title = 403, "forbidden", "Not allowed"


class NotFound(ServiceError):
    """There is no such thing, or not for this caller."""

    status, kind, title = 404, "not-found", "Not found"


class Conflict(ServiceError):
    """The request meets a state that rules it out."""

    status, kind, title = 409, "conflict", "In conflict with the present state"


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was used before with another body."""

    status, kind, title = 409, "idempotency-key-reused", "Idempotency-Key was used with another body"


class PayloadTooLarge(ServiceError):
    """The body is larger than this route takes."""

    status, kind, title = 413, "payload-too-large", "The body is too large"


class TooManyRequests(ServiceError):
    """A limit was reached; Retry-After says when to come back."""

    status, kind, title = 429, "too-many-requests", "Too many requests"


class Unavailable(ServiceError):
    """The service cannot take this on now; Retry-After says when to come back."""

    status, kind, title = 503, "unavailable", "Not available for the moment"


class ProviderError(Exception):
    """The outside world failed. `reason` is a short code or text without personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TransientProviderError(ProviderError):
    """Worth another try.

    retry_after_s: what the provider asked for, None if it did not say.
    provider_down: the fault lies with the provider as a whole, not with this one call.
    sent_unknown: the call may have taken effect (a time-out after sending).
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after_s: float | None = None,
        provider_down: bool = False,
        sent_unknown: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.provider_down = provider_down
        self.sent_unknown = sent_unknown


class PermanentProviderError(ProviderError):
    """Will never work. `recipient_fault`: the recipient's address is at fault, not our call."""

    def __init__(self, reason: str, *, recipient_fault: bool = False) -> None:
        super().__init__(reason)
        self.recipient_fault = recipient_fault


def every_kind() -> list[type[ServiceError]]:
    """All refusals, in order of status and kind (for docs/errors.md and the test that no two clash)."""
    found: list[type[ServiceError]] = []
    waiting: list[type[ServiceError]] = [ServiceError]
    while waiting:
        cls = waiting.pop()
        waiting.extend(cls.__subclasses__())
        if cls is not ServiceError:
            found.append(cls)
    return sorted(found, key=lambda cls: (cls.status, cls.kind))
