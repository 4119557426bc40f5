"""Refusals that only HTTP knows, and the translation of the framework's exceptions into our tree."""

from __future__ import annotations

import re

import msgspec
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from common.db.away import SERVER_AWAY
from common.errors import (
    BadRequest,
    Forbidden,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    TooManyRequests,
    Unauthorised,
    Unavailable,
)


class RouteNotFound(NotFound):
    """No route of this program has this path."""

    status, kind, title = 404, "route-not-found", "No such route"


class MethodNotAllowed(ServiceError):
    """The route exists, for other methods; the Allow header lists them."""

    status, kind, title = 405, "method-not-allowed", "Method not allowed"


class ClientGone(BadRequest):
    """The caller closed the connection before the request was whole; nobody reads this answer."""

    status, kind, title = 400, "client-gone", "The request was not whole"


class MalformedBody(BadRequest):
    """The body cannot be read: not JSON, or not UTF-8."""

    status, kind, title = 400, "malformed-body", "The body cannot be read"


_AT = re.compile(r" - at `\$?(?:\.\.\.)?\.?(?P<field>[^`]*)`$")
_KEY_IN_MESSAGE = re.compile(r"field `([^`]+)`")
_VALUE = re.compile(r" '.*'", re.DOTALL)  # "Invalid enum value 'x'" is the one message that repeats what was sent
_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")
_BY_STATUS: dict[int, tuple[type[ServiceError], str]] = {
    401: (Unauthorised, "Send credentials."),
    403: (Forbidden, "These credentials do not reach this far."),
    404: (RouteNotFound, "Nothing is served at this address."),
    405: (MethodNotAllowed, "This address does not take this method."),
    413: (PayloadTooLarge, "Send a smaller body."),
    429: (TooManyRequests, "Come back later."),
    503: (Unavailable, "Come back later."),
}


def _fault(text: str, field: str = "") -> dict[str, str]:
    """One fault out of msgspec's message `<what> - at `$.path``; the message names types and bounds, never values."""
    message = _VALUE.sub("", _AT.sub("", text).split(" - at ")[0])
    path = _AT.search(text)
    named = _KEY_IN_MESSAGE.search(message)
    # "data" is the framework's name for the body as a whole
    parts = ("" if field == "data" else field, path["field"] if path else "", named[1] if named else "")
    return {"field": ".".join(part for part in parts if part), "message": message}


def _from_framework(error: HTTPException) -> ServiceError | HTTPException:
    if isinstance(error, ValidationException):
        listed = error.extra if isinstance(error.extra, list) else []
        faults = [_fault(str(e.get("message", "")), str(e.get("key", ""))) for e in listed if isinstance(e, dict)]
        # its detail holds the path with the query string, which may name a person: never shown whole
        if missing := _MISSING.match(error.detail):
            faults = [{"field": missing[1], "message": "Is required"}]
        return InvalidInput(faults) if faults else BadRequest("The request cannot be understood.")
    if isinstance(error.__cause__, SerializationException):
        return _from_decoder(error.__cause__.__cause__)
    if error.status_code in _BY_STATUS:
        kind, detail = _BY_STATUS[error.status_code]
        return kind(detail, headers=dict(error.headers or {}))
    if 400 <= error.status_code < 500:
        return BadRequest("The request cannot be understood.")
    return error


def _from_decoder(error: BaseException | None) -> ServiceError:
    if isinstance(error, msgspec.ValidationError):
        return InvalidInput([_fault(str(error))])
    return MalformedBody("The body is not valid JSON in UTF-8.")


def as_refusal(error: BaseException) -> BaseException:
    """The refusal that an exception stands for, or the exception itself when it is a bug.

    Error families therefore meet ServiceError and bugs only, never the framework's own classes for 4xx.
    """
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, HTTPException):
        return _from_framework(error)
    if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError)):
        return _from_decoder(error)
    if isinstance(error, SERVER_AWAY):
        return Unavailable("The database cannot be reached.", headers={"Retry-After": "1"})
    return error
