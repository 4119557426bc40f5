"""Who may send: every text of contract 1.2, and that it is said before anything else is looked at."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from common.tenancy import flow as tenancy
from common.tenancy import keys
from common.testing.builders import TESTER

GUIDE = (
    "Invalid token: make sure your API token matches the example at "
    "https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header"
)
CLOCK = "Error: Your system clock must be accurate to within 30 seconds"


def _secret(caller: dict[str, str]) -> str:
    return caller["authorization"][-36:]


def _token(desk: Any, *, secret: str | None = None, algorithm: str = "HS256", **claims: Any) -> str:
    """A token as the clients make it; a claim of None is left out."""
    whole = {"iss": str(desk.service_id), "iat": int(time.time()), **claims}
    signing = _secret(desk.keys["live"]) if secret is None else secret
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, signing, algorithm=algorithm)


async def _said(desk: Any, authorization: str | None) -> tuple[int, str]:
    """Asked with a body that is no JSON: authentication comes first."""
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await desk.notify.client.post("/v2/notifications/sms", headers=headers, content=b"{")
    status, [(error, message)] = desk.refusal(answer)
    assert error in ("AuthError", "BadRequestError")
    assert (error == "AuthError") == (status in (401, 403))
    return status, message


PASSED = (400, "Invalid JSON supplied in POST data")


async def test_header_that_holds_no_token_is_named(desk: Any) -> None:
    for authorization, expected in [
        (None, (401, "Unauthorized: authentication token must be provided")),
        ("", (401, "Unauthorized: authentication token must be provided")),
        ("Basic abc", (401, "Unauthorized: authentication bearer scheme must be used")),
        ("Bearer", (401, "Unauthorized: authentication bearer scheme must be used")),
        ("Bearer abc", (403, GUIDE)),
        ("Bearer a.b.c", (403, GUIDE)),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.e30", (403, GUIDE)),
    ]:
        assert await _said(desk, authorization) == expected


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_token_that_is_wrong_is_told_why(desk: Any) -> None:
    for claims, message in [
        ({"iss": None}, "Invalid token: iss field not provided"),
        ({"iss": "parking"}, "Invalid token: service id is not the right data type"),
        ({"iss": "0190163c-0000-7000-8000-000000000000"}, "Invalid token: service not found"),
        ({"iat": None}, "Invalid token: API key not found"),
        ({"iat": int(time.time()) - 10_000}, CLOCK),
        ({"iat": int(time.time()) + 10_000}, CLOCK),
        ({"iat": "now"}, CLOCK),
        ({"exp": int(time.time()) - 10_000}, GUIDE),
        ({"aud": "notify"}, GUIDE),
        ({"secret": "0190163c-0000-4000-8000-000000000000"}, "Invalid token: API key not found"),
        ({"algorithm": "HS512"}, "Invalid token: algorithm used is not HS256"),
    ]:
        assert await _said(desk, f"Bearer {_token(desk, **claims)}") == (403, message), claims


async def test_token_without_signature_is_refused(desk: Any) -> None:
    token = jwt.encode({"iss": str(desk.service_id), "iat": int(time.time())}, None, algorithm="none")
    assert await _said(desk, f"Bearer {token}") == (403, "Invalid token: algorithm used is not HS256")


async def test_clock_may_be_thirty_seconds_off_either_way(desk: Any) -> None:
    for age_s, passes in [(25, True), (-25, True), (40, False), (-40, False)]:
        said = await _said(desk, f"Bearer {_token(desk, iat=int(time.time()) - age_s)}")
        assert said == (PASSED if passes else (403, CLOCK))


async def test_scheme_is_read_in_any_case(desk: Any) -> None:
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"]:
        assert await _said(desk, f"{scheme} {_token(desk)}") == PASSED


async def test_type_of_a_token_is_that_of_the_key_whose_secret_signed_it(desk: Any) -> None:
    for kind in ("live", "team", "test"):
        token = _token(desk, secret=_secret(desk.keys[kind]))
        answer = await desk.notify.client.post(
            "/v2/notifications/sms",
            headers={"authorization": f"Bearer {token}"},
            json=desk.body("sms", phone_number="07700900001"),
        )
        assert answer.status_code == (400 if kind == "team" else 201), answer.text


async def test_service_that_never_had_a_key_is_told_so(desk: Any) -> None:
    keyless = await desk.notify.a_service()
    said = await _said(desk, f"Bearer {_token(desk, iss=str(keyless))}")
    assert said == (403, "Invalid token: service has no API keys")


@pytest.mark.parametrize(
    ("status", "message"),
    [("archived", "Invalid token: service is archived"), ("suspended", "Invalid token: service is suspended")],
)
async def test_service_out_of_use_cannot_send(desk: Any, status: Any, message: str) -> None:
    async with desk.db.transaction() as tx:
        await tenancy.update_service(tx, TESTER, desk.service_id, status=status, reason="tests")
    assert await _said(desk, f"Bearer {_token(desk)}") == (403, message)


async def _key_id(desk: Any, name: str = "deploys", index: int = 0) -> UUID:
    async with desk.db.reading() as tx:
        rows = await keys.list_keys(tx, desk.service_id)
    return [row for row in rows if row.name == name][index].id


async def test_revoked_key_is_refused_within_two_seconds(desk: Any) -> None:
    assert await _said(desk, f"Bearer {_token(desk)}") == PASSED
    async with desk.db.transaction() as tx:
        await keys.revoke_key(tx, TESTER, desk.service_id, await _key_id(desk))
    began = time.monotonic()
    async with asyncio.timeout(20):
        while await _said(desk, f"Bearer {_token(desk)}") == PASSED:
            assert time.monotonic() - began < 2, "a revoked key lives on"
            await asyncio.sleep(0.1)
    assert await _said(desk, f"Bearer {_token(desk)}") == (403, "Invalid token: API key revoked")


async def test_key_is_taken_as_it_stands_too(desk: Any) -> None:
    assert await _said(desk, desk.keys["live"]["authorization"]) == PASSED
    stranger = f"Bearer deploys-{desk.service_id}-{uuid4()}"
    assert await _said(desk, stranger) == (403, "Invalid token: API key not found")


async def test_key_without_the_scope_cannot_send(desk: Any) -> None:
    reader = await desk.notify.a_key(desk.service_id, scopes=["notify:read"])
    answer = await desk.notify.call("POST", "/v2/notifications/sms", reader, desk.body("sms"))
    status, [(error, _)] = desk.refusal(answer)
    assert (status, error) == (403, "AuthError")


async def test_operator_cannot_send_for_a_service(desk: Any) -> None:
    operator = await desk.notify.an_operator(desk.service_id, "notify:send")
    answer = await desk.notify.call("POST", "/v2/notifications/sms", operator, desk.body("sms"))
    status, [(error, _)] = desk.refusal(answer)
    assert (status, error) == (403, "AuthError")
    assert await desk.rows() == 0
