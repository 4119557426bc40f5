"""How refusals and bugs are said under /v1 (contract sections 1.1, 1.2 and 1.10)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from common.auth.bearer import Refused, RefusedUnread, Why
from common.auth.principals import ScopeMissing
from common.errors import IdempotencyKeyReused, PayloadTooLarge, TooManyRequests, Unavailable, every_kind
from common.http.families import Families
from common.http.refusals import MalformedBody, MethodNotAllowed, RouteNotFound
from services.pay import errors
from services.pay.errors import PayRefusal
from services.pay.families import OPERATIONS, OWN_ROUTES, PayFamily, families

ID = "hu20sqlact5260q2nanm0q8u93"
CODES = {
    "POST /v1/payments": ("P0198", "P0200", "P0197"),
    "GET /v1/payments": ("P0498", "P0402", "P0197"),
    f"GET /v1/payments/{ID}": ("P0298", "P0200", "P0197"),
    f"GET /v1/payments/{ID}/events": ("P0398", "P0300", "P0197"),
    f"POST /v1/payments/{ID}/cancel": ("P0598", "P0500", "P0197"),
    f"POST /v1/payments/{ID}/capture": ("P1098", "P1000", "P0197"),
    f"POST /v1/payments/{ID}/refunds": ("P0698", "P0600", "P0697"),
    f"GET /v1/payments/{ID}/refunds": ("P0898", "P0800", "P0197"),
    f"GET /v1/payments/{ID}/refunds/{ID}": ("P0798", "P0700", "P0197"),
    "GET /v1/refunds": ("P1898", "P1100", "P0197"),
    "GET /v1/disputes": ("P0498", "P0402", "P0197"),
    "POST /v1/agreements": ("P2198", "P0200", "P2197"),
    "GET /v1/agreements": ("P2498", "P2402", "P0197"),
    f"GET /v1/agreements/{ID}": ("P2298", "P2200", "P0197"),
    f"POST /v1/agreements/{ID}/cancel": ("P2598", "P2500", "P0197"),
    "POST /v1/auth": ("P0050", "P0200", "P0197"),
    "POST /v1/payment_notification": ("P0198", "P0200", "P0197"),
}


def said(error: BaseException, route: str = f"GET /v1/payments/{ID}") -> tuple[int, Any, dict[str, str]]:
    method, path = route.split(" ")
    status, body, headers = PayFamily().render(error, {"method": method, "path": path})
    assert headers["content-type"] == "application/json"
    return status, json.loads(body), headers


@pytest.mark.parametrize("route", CODES)
def test_each_operation_has_codes_of_its_own(route: str) -> None:
    broken, not_found, unreadable = CODES[route]
    text = "There was an error authorising the payment" if route == "POST /v1/auth" else "Downstream system error"
    for bug in (RuntimeError("secret"), errors.ProviderFailed()):
        assert said(bug, route)[:2] == (500, {"code": broken, "description": text})
    assert said(errors.ResourceNotFound(), route)[:2] == (404, {"code": not_found, "description": "Not found"})
    page = {"code": not_found, "description": "Page not found"}
    assert said(errors.PageNotFound(), route)[:2] == (404, page)
    unread = {"code": unreadable, "description": "Unable to parse JSON"}
    assert said(errors.BodyUnreadable(), route)[:2] == (400, unread)
    assert said(MalformedBody("x"), route)[:2] == (400, unread)


def test_every_operation_of_the_table_is_tested() -> None:
    assert len(OPERATIONS) == len(CODES)
    assert said(RuntimeError(), f"HEAD /v1/payments/{ID}")[1]["code"] == "P0298"


def test_body_names_field_or_header_only_where_there_is_one() -> None:
    body = {"field": "amount", "code": "P0101", "description": "Missing mandatory attribute: amount"}
    assert said(errors.AttributeMissing("amount", field="amount"))[:2] == (400, body)
    header = said(errors.IdempotencyKeyMalformed("is odd"))[1]
    assert header == {
        "header": "Idempotency-Key",
        "code": "P0102",
        "description": "Header [Idempotency-Key] is odd",
    }
    assert said(errors.AttributeUnexpected("moto"))[1] == {
        "code": "P0104",
        "description": "Unexpected attribute: moto",
    }


def test_too_many_requests_is_said_exactly_so() -> None:
    for error in (
        errors.PayRateExceeded(headers={"Retry-After": "1"}),
        TooManyRequests("x", headers={"Retry-After": "1"}),
    ):
        status, body, headers = PayFamily().render(error, {"method": "GET", "path": "/v1/payments"})
        assert (status, body) == (429, b'{"code":"P0900","description":"Too many requests"}')
        assert headers["Retry-After"] == "1"


def test_no_key_and_a_key_that_opens_nothing_are_401() -> None:
    for why in Why:
        error = RefusedUnread(why) if why in (Why.MISSING, Why.NOT_BEARER) else Refused(why)
        status, body, headers = said(error)
        if why in (Why.SERVICE_SUSPENDED, Why.NETWORK):
            assert (status, body["code"]) == (403, "P0930")
        else:
            assert (status, body["code"]) == (401, 401)
            assert headers["WWW-Authenticate"].startswith("Bearer")


def test_refusals_of_the_house_are_said_in_pays_shape() -> None:
    told = [
        (ScopeMissing("x"), 403, "P0930"),
        (IdempotencyKeyReused("x"), 409, "P0191"),
        (PayloadTooLarge("x"), 413, "P0920"),
        (Unavailable("x"), 503, "P0999"),
    ]
    for error, status, code in told:
        assert (said(error)[0], said(error)[1]["code"]) == (status, code)


def test_unknown_routes_and_methods_are_said_as_the_originals_framework_does() -> None:
    assert said(RouteNotFound("x"))[:2] == (404, {"code": 404, "message": "HTTP 404 Not Found"})
    status, body, headers = said(MethodNotAllowed("x", headers={"Allow": "GET"}))
    assert (status, body["message"], headers["Allow"]) == (405, "HTTP 405 Method Not Allowed", "GET")


def test_our_own_routes_speak_problem_json() -> None:
    known = Families(families())
    for path in OWN_ROUTES:
        assert not isinstance(known.of(path + "/x"), PayFamily)
    for path in ("/v1/payments", "/v1/auth", "/v1/agreements/x", "/v1/disputes", "/v1/nothing"):
        assert isinstance(known.of(path), PayFamily)
    assert not isinstance(known.of("/docs"), PayFamily)


def test_every_code_has_the_contracts_form_and_no_text_is_empty() -> None:
    ours = [cls for cls in every_kind() if issubclass(cls, PayRefusal) and cls.__module__ == errors.__name__]
    assert len(ours) > 30
    for cls in ours:
        assert cls.code is None or re.fullmatch(r"P[0-9]{4}", cls.code)
