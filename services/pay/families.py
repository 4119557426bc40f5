"""How Pay says its errors: the contract's shape under /v1, problem+json on the routes that are our addition."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from common.auth.bearer import Why, refusal_reason
from common.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    TooManyRequests,
    Unauthorised,
    Unavailable,
)
from common.http.families import ErrorFamily, ProblemFamily
from common.http.refusals import MethodNotAllowed, RouteNotFound
from services.pay.errors import (
    AccessNotEnabled,
    BodyUnreadable,
    PageNotFound,
    PaymentKeyReused,
    PayRateExceeded,
    PayRefusal,
    ProviderFailed,
    RequestBlocked,
    ResourceNotFound,
    TemporarilyDown,
)

# below these, errors are problem+json: no client of the original calls them
OWN_ROUTES = (
    "/v1/audit-events",
    "/v1/connections",
    "/v1/ledger",
    "/v1/line-items",
    "/v1/operations",
    "/v1/payment-links",
    "/v1/payouts",
    "/v1/reports",
    "/v1/settings",
    "/v1/settlements",
    "/v1/status",
    "/v1/unfinished-payments",
    "/v1/webhooks",
    "/v1/work",
)

_DOWNSTREAM = "Downstream system error"
_UNREAD = "Credentials are required to access this resource."
# a service that may not call, as against a key that is none
_FORBIDDEN = frozenset({Why.SERVICE_SUSPENDED, Why.NETWORK})


class Operation(NamedTuple):
    """The codes that one operation gives to what all of them may meet."""

    method: str
    path: re.Pattern[str]
    broken: str
    not_found: str = "P0200"
    unreadable: str = "P0197"
    broken_text: str = _DOWNSTREAM


def _operation(method: str, path: str, broken: str, not_found: str = "P0200", **codes: str) -> Operation:
    return Operation(method, re.compile(path.replace("*", "[^/]+")), broken, not_found, **codes)


OPERATIONS = (
    _operation("POST", "/v1/payments", "P0198"),
    _operation("GET", "/v1/payments", "P0498", "P0402"),
    _operation("GET", "/v1/payments/*", "P0298"),
    _operation("GET", "/v1/payments/*/events", "P0398", "P0300"),
    _operation("POST", "/v1/payments/*/cancel", "P0598", "P0500"),
    _operation("POST", "/v1/payments/*/capture", "P1098", "P1000"),
    _operation("POST", "/v1/payments/*/refunds", "P0698", "P0600", unreadable="P0697"),
    _operation("GET", "/v1/payments/*/refunds", "P0898", "P0800"),
    _operation("GET", "/v1/payments/*/refunds/*", "P0798", "P0700"),
    _operation("GET", "/v1/refunds", "P1898", "P1100"),
    _operation("GET", "/v1/disputes", "P0498", "P0402"),
    _operation("POST", "/v1/agreements", "P2198", unreadable="P2197"),
    _operation("GET", "/v1/agreements", "P2498", "P2402"),
    _operation("GET", "/v1/agreements/*", "P2298", "P2200"),
    _operation("POST", "/v1/agreements/*/cancel", "P2598", "P2500"),
    _operation("POST", "/v1/auth", "P0050", broken_text="There was an error authorising the payment"),
    _operation("POST", "/v1/payment_notification", "P0198"),
)
_ELSEWHERE = _operation("", ".*", "P0298")


def operation_of(method: str, path: str) -> Operation:
    """The operation that a request called; HEAD counts as GET."""
    method = "GET" if method == "HEAD" else method
    for operation in OPERATIONS:
        if operation.method == method and operation.path.fullmatch(path):
            return operation
    return _ELSEWHERE


class _Body(msgspec.Struct, omit_defaults=True):
    field: str | None = None
    header: str | None = None
    code: str | None = None
    description: str | None = None


class _Plain(msgspec.Struct):
    """What the original's framework says of its own accord: no P-code is in the contract for it."""

    code: int
    message: str


class PayFamily:
    """Errors under /v1 as the contract says them."""

    def render(self, error: BaseException, scope: Any) -> tuple[int, bytes, dict[str, str]]:
        headers = {"content-type": "application/json"}
        if isinstance(error, RouteNotFound | MethodNotAllowed):
            word = "Not Found" if error.status == 404 else "Method Not Allowed"
            plain = _Plain(error.status, f"HTTP {error.status} {word}")
            return error.status, msgspec.json.encode(plain), {**error.headers, **headers}
        if _is_unauthorised(error):
            headers["WWW-Authenticate"] = 'Bearer realm="pay"'
            return 401, msgspec.json.encode(_Plain(401, _UNREAD)), headers
        operation = operation_of(scope["method"], scope["path"])
        refusal = _as_pay(error)
        if isinstance(error, ServiceError):
            headers = {**error.headers, **headers}
        if refusal is None or isinstance(refusal, ProviderFailed):
            body = _Body(code=operation.broken, description=operation.broken_text)
            return 500, msgspec.json.encode(body), headers
        body = _Body(refusal.field, refusal.header, refusal.code or _code_of(refusal, operation), refusal.detail)
        # a body that is too large keeps its own status
        status = error.status if isinstance(error, PayloadTooLarge) else refusal.status
        return status, msgspec.json.encode(body), headers


def _is_unauthorised(error: BaseException) -> bool:
    """In Pay every key that opens nothing is a 401; clients go by the status alone (contract section 1.2)."""
    if not isinstance(error, ServiceError):
        return False
    why = refusal_reason(error)
    return isinstance(error, Unauthorised) or (why is not None and why not in _FORBIDDEN)


def _as_pay(error: BaseException) -> PayRefusal | None:
    """The refusal of Pay that stands for one of the house's; None is a bug."""
    if isinstance(error, PayRefusal):
        return error
    if not isinstance(error, ServiceError) or (error.status >= 500 and not isinstance(error, Unavailable)):
        return None
    return next(ours for house, ours in _STAND_INS if isinstance(error, house))()


_STAND_INS: tuple[tuple[type[ServiceError], type[PayRefusal]], ...] = (
    (TooManyRequests, PayRateExceeded),
    (Unavailable, TemporarilyDown),
    (PayloadTooLarge, RequestBlocked),
    (NotFound, ResourceNotFound),
    (Forbidden, AccessNotEnabled),
    (Conflict, PaymentKeyReused),
    (ServiceError, BodyUnreadable),
)


def _code_of(refusal: PayRefusal, operation: Operation) -> str:
    if isinstance(refusal, ResourceNotFound | PageNotFound):
        return operation.not_found
    return operation.unreadable


def families() -> dict[str, ErrorFamily]:
    """Pay's families by prefix, for build_app."""
    problem = ProblemFamily()
    return {"/v1": PayFamily(), **dict.fromkeys(OWN_ROUTES, problem)}
