"""Texts into the inbox by the sandbox gateway."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest


def test_a_text_is_accepted_and_listed(inbox: Any) -> None:
    answer = inbox.text("447700900111", words="Your code is 1234")
    assert (answer.status_code, list(answer.json())) == (202, ["id"])
    for typed in ("07700900111", "+447700900111", "447700900111"):
        (found,) = inbox.messages(to=typed, channel="sms")
        assert (found["channel"], found["to"], found["from"]) == ("sms", "447700900111", "TAX")
        assert (found["text"], found["subject"], found["html"]) == ("Your code is 1234", None, None)
        assert json.loads(found["raw"])["text"] == "Your code is 1234"
    assert inbox.messages(to="07700900111", channel="email") == []


def test_the_same_id_again_is_the_same_message(inbox: Any) -> None:
    message = str(uuid4())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: inbox.text("447700900112", message), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(inbox.messages(to="07700900112")) == 1


def test_a_text_can_be_asked_for_by_its_id(inbox: Any, suite: Any) -> None:
    message, key = str(uuid4()), {"Authorization": f"Bearer {suite.KEY}"}
    assert inbox.http.get(f"/gateway/messages/{message}", headers=key).status_code == 404
    reference = inbox.text("447700900002", message).json()["id"]
    answer = inbox.http.get(f"/gateway/messages/{message}", headers=key)
    assert (answer.status_code, answer.json()) == (200, {"id": reference, "status": "permanent-failure"})
    assert inbox.http.get(f"/gateway/messages/{message}").status_code == 401


@pytest.mark.parametrize("key", ["wrong", "ключ"])
def test_a_wrong_key_is_refused(inbox: Any, key: str) -> None:
    answer = inbox.http.post("/gateway/messages", headers={"Authorization": f"Bearer {key}".encode()}, json={})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": "x"}, "invalid-id"),
        ({"id": 7}, "invalid-id"),
        ({"to": None}, "invalid-recipient"),
        ({"to": "ada"}, "invalid-recipient"),
        ({"to": "447700900404"}, "invalid-recipient"),
        ({"from": ""}, "invalid-from"),
        ({"text": ""}, "invalid-text"),
        ({"text": "x" * 2001}, "invalid-text"),
    ],
)
def test_a_wrong_field_is_named(inbox: Any, suite: Any, change: dict[str, Any], code: str) -> None:
    message = str(uuid4())
    call = {"id": message, "to": "447700900113", "from": "TAX", "text": "Hello", **change}
    headers = {"Authorization": f"Bearer {suite.KEY}", "Idempotency-Key": message}
    answer = inbox.http.post("/gateway/messages", headers=headers, json=call)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert inbox.messages(to="07700900113") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"'])
def test_a_body_that_is_no_json_object_is_refused(inbox: Any, suite: Any, body: bytes) -> None:
    answer = inbox.http.post("/gateway/messages", headers={"Authorization": f"Bearer {suite.KEY}"}, content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-json")


def test_the_idempotency_key_must_be_the_id(inbox: Any, suite: Any) -> None:
    call = {"id": str(uuid4()), "to": "447700900114", "from": "TAX", "text": "Hello"}
    for key in ({}, {"Idempotency-Key": str(uuid4())}):
        headers = {"Authorization": f"Bearer {suite.KEY}", **key}
        answer = inbox.http.post("/gateway/messages", headers=headers, json=call)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-idempotency-key")


def test_a_body_above_the_limit_is_refused(inbox: Any) -> None:
    assert inbox.text("447700900115", words="x" * 70_000).status_code == 413


def test_a_failing_number_is_accepted_at_the_third_try(inbox: Any) -> None:
    message = str(uuid4())
    assert [inbox.text("447700900500", message).status_code for _ in range(4)] == [503, 503, 202, 200]
    assert inbox.text("447700900500").status_code == 503, "another message fails by itself"


def test_a_limited_number_is_put_off_once(inbox: Any) -> None:
    message = str(uuid4())
    first = inbox.text("447700900429", message)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert inbox.text("447700900429", message).status_code == 202


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("447700900116", "delivered"),
        ("447700900003", "temporary-failure"),
        ("447700900002", "permanent-failure"),
    ],
)
def test_the_receipt_of_a_text_says_what_became_of_it(
    inbox: Any, notify: Any, suite: Any, to: str, status: str
) -> None:
    message = str(uuid4())
    reference = inbox.text(to, message).json()["id"]
    assert inbox.text(to, message).status_code == 200
    (receipt,) = suite.eventually(lambda: notify.of(message))
    assert (receipt["status"], receipt["provider_reference"]) == (status, reference)
    assert ("/v1/receipts/text", f"Bearer {suite.TOKEN}") in notify.calls
