"""A service's configuration over HTTP: settings, reply-to addresses, text senders, guest list, audit log."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

DEFAULTS = {
    "channels": ["email", "sms"],
    "international_sms": False,
    "sms_to_landlines": False,
    "sms_prefix": True,
    "email_local_part": None,
    "email_sender_name": None,
    "retention_email_days": 7,
    "retention_sms_days": 7,
    "rate_limit_per_minute": None,
    "daily_email": None,
    "daily_sms": None,
    "daily_international_sms": None,
}


def _problem(answer: Any, status: int, kind: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["kind"] == kind
    return answer.json()


def _faults(answer: Any) -> dict[str, str]:
    return {fault["field"]: fault["message"] for fault in _problem(answer, 400, "invalid-input")["faults"]}


# settings ------------------------------------------------------------------


async def test_a_service_that_changed_nothing_has_the_defaults_of_its_status(notify: Any) -> None:
    live, trial = await notify.a_service(), await notify.a_service(status="trial")
    settings = (await notify.call("GET", "/v1/settings", await notify.a_key(live))).json()
    effective = settings.pop("effective")
    assert settings == {"service_id": str(live), **DEFAULTS}
    assert effective == {
        "rate_limit_per_minute": 3000, "daily_email": 250_000, "daily_sms": 250_000, "daily_international_sms": 100
    }  # fmt: skip
    settings = (await notify.call("GET", "/v1/settings", await notify.a_key(trial))).json()
    assert (settings["effective"]["daily_email"], settings["effective"]["daily_sms"]) == (50, 50)


async def test_what_a_change_names_is_changed_and_the_rest_stays(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    wanted = {"channels": ["sms"], "sms_prefix": False, "email_local_part": "permits.team", "retention_sms_days": 90}
    changed = (await notify.call("PATCH", "/v1/settings", caller, wanted)).json()
    assert {name: changed[name] for name in DEFAULTS} == {**DEFAULTS, **wanted}
    assert (await notify.call("PATCH", "/v1/settings", caller, {"email_local_part": None})).json()[
        "sms_prefix"
    ] is False
    assert (await notify.call("PATCH", "/v1/settings", caller, {"channels": ["sms"]})).status_code == 200
    read = (await notify.call("GET", "/v1/settings", caller)).json()
    assert (read["channels"], read["email_local_part"], read["retention_sms_days"]) == (["sms"], None, 90)
    events = await notify.audited(service)
    assert [event.action for event in events] == ["notify:settings:update"] * 2
    assert events[0].before == {name: DEFAULTS[name] for name in wanted}
    assert events[0].after == wanted
    assert events[1].after == {"email_local_part": None}


async def test_every_fault_of_a_change_is_named_and_nothing_is_changed(notify: Any) -> None:
    caller = await notify.a_caller()
    body = {
        "channels": ["fax"], "international_sms": "yes", "retention_email_days": 2, "email_local_part": "a b",
        "email_sender_name": "x\r\nBcc: y", "colour": 1, "sms_prefix": False,
    }  # fmt: skip
    faults = _faults(await notify.call("PATCH", "/v1/settings", caller, body))
    assert set(faults) == {
        "channels.0", "international_sms", "retention_email_days", "email_local_part", "email_sender_name", "colour"
    }  # fmt: skip
    assert "fax" not in faults["channels.0"]
    assert (await notify.call("GET", "/v1/settings", caller)).json()["sms_prefix"] is True


@pytest.mark.parametrize("part", ["a\n", ".a", "a..b", "A", "a@b", "", "x" * 65])
async def test_a_local_part_that_no_mail_header_may_hold_is_refused(notify: Any, part: str) -> None:
    answer = await notify.call("PATCH", "/v1/settings", await notify.a_caller(), {"email_local_part": part})
    assert set(_faults(answer)) == {"email_local_part"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"sms_prefix":', b"\xff", b'{"email_sender_name":"\xff"}'])
async def test_a_body_that_is_no_json_object_is_refused(notify: Any, body: bytes) -> None:
    answer = await notify.client.patch("/v1/settings", headers=await notify.a_caller(), content=body)
    _problem(answer, 400, "bad-request")


async def test_limits_are_for_those_who_operate(notify: Any) -> None:
    service = await notify.a_service()
    key = await notify.a_key(service)
    refused = await notify.call("PATCH", "/v1/settings", key, {"daily_email": 1_000_000, "sms_prefix": False})
    _problem(refused, 403, "scope-missing")
    ada = await notify.an_operator(service, "notify:settings", "notify:operate")
    limits = {"daily_email": 1_000_000, "rate_limit_per_minute": 6000}
    changed = (await notify.call("PATCH", "/v1/settings", ada, limits)).json()
    assert (changed["effective"]["daily_email"], changed["rate_limit_per_minute"]) == (1_000_000, 6000)
    assert (await notify.call("GET", "/v1/settings", key)).json()["sms_prefix"] is True
    back = (await notify.call("PATCH", "/v1/settings", ada, {"daily_email": None})).json()
    assert (back["daily_email"], back["effective"]["daily_email"]) == (None, 250_000)


async def test_first_changes_at_the_same_moment_are_all_kept(notify: Any) -> None:
    caller = await notify.a_caller()
    changes = [
        {"sms_prefix": False},
        {"international_sms": True},
        {"retention_sms_days": 30},
        {"sms_to_landlines": True},
    ]
    answers = await asyncio.gather(*[notify.call("PATCH", "/v1/settings", caller, change) for change in changes])
    assert {answer.status_code for answer in answers} == {200}
    read = (await notify.call("GET", "/v1/settings", caller)).json()
    assert all(read[name] == value for change in changes for name, value in change.items())


async def test_scopes_and_services_keep_apart(notify: Any) -> None:
    service, other = await notify.a_service(), await notify.a_service()
    reader = await notify.a_key(service, scopes=["notify:read"])
    for method, path, body in (
        ("PATCH", "/v1/settings", {}), ("POST", "/v1/reply-to-addresses", {"address": "a@b.example"}),
        ("DELETE", f"/v1/sms-senders/{uuid4()}", None), ("PUT", "/v1/guest-list", {"emails": [], "phone_numbers": []}),
        ("PATCH", f"/v1/sms-senders/{uuid4()}", b"not read before the caller is known"),
    ):  # fmt: skip
        if isinstance(body, bytes):
            answer = await notify.client.request(method, path, headers=reader, content=body)
        else:
            answer = await notify.call(method, path, reader, body)
        _problem(answer, 403, "scope-missing")
    _problem(await notify.call("GET", "/v1/settings", {}), 401, "credentials-missing")
    bound = await notify.an_operator(service, "notify:read")
    assert (await notify.call("GET", "/v1/settings", bound)).json()["service_id"] == str(service)
    _problem(await notify.call("GET", f"/v1/settings?service_id={other}", bound), 403, "other-service")
    everywhere = await notify.an_operator(None, "notify:read")
    _problem(await notify.call("GET", "/v1/settings", everywhere), 400, "service-not-named")
    assert (await notify.call("GET", f"/v1/settings?service_id={other}", everywhere)).status_code == 200
    _problem(await notify.call("GET", f"/v1/settings?service_id={uuid4()}", everywhere), 404, "not-found")


# reply-to addresses and text senders ---------------------------------------

ORIGINS = [
    (
        "/v1/reply-to-addresses",
        "reply_to_addresses",
        "address",
        ["team@permits.example", "help@permits.example", "x@y.example"],
    ),
    ("/v1/sms-senders", "sms_senders", "sender", ["PERMITS", "Licences", "D.o.P"]),
]
both = pytest.mark.parametrize(("path", "plural", "field", "values"), ORIGINS, ids=["reply-to", "sms-sender"])


async def _list(notify: Any, caller: dict[str, str], path: str, plural: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await notify.call("GET", path, caller)).json()[plural]
    return rows


@both
async def test_the_first_is_the_default_and_there_is_always_one(
    notify: Any, path: str, plural: str, field: str, values: list[str]
) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    answer = await notify.call("POST", path, caller, {field: values[0], "is_default": False})
    assert answer.status_code == 201
    first = answer.json()
    assert (first[field], first["is_default"]) == (values[0], True)
    second = (await notify.call("POST", path, caller, {field: values[1]})).json()
    third = (await notify.call("POST", path, caller, {field: values[2], "is_default": True})).json()
    listed = await _list(notify, caller, path, plural)
    assert [(row["id"], row["is_default"]) for row in listed] == [
        (first["id"], False), (second["id"], False), (third["id"], True)
    ]  # fmt: skip
    moved = (await notify.call("PATCH", f"{path}/{second['id']}", caller, {"is_default": True})).json()
    assert moved["is_default"] is True
    assert [row["is_default"] for row in await _list(notify, caller, path, plural)] == [False, True, False]
    _problem(await notify.call("PATCH", f"{path}/{second['id']}", caller, {"is_default": False}), 409, "default-needed")
    actions = {event.action.rsplit(":", 1)[1] for event in await notify.audited(service)}
    assert actions == {"add", "update"}


@both
async def test_the_default_goes_last(notify: Any, path: str, plural: str, field: str, values: list[str]) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    first, second = [(await notify.call("POST", path, caller, {field: value})).json() for value in values[:2]]
    _problem(await notify.call("DELETE", f"{path}/{first['id']}", caller), 409, "default-needed")
    for _ in range(2):
        assert (await notify.call("DELETE", f"{path}/{second['id']}", caller)).status_code == 204
    assert (await notify.call("DELETE", f"{path}/{first['id']}", caller)).status_code == 204
    assert await _list(notify, caller, path, plural) == []
    _problem(await notify.call("PATCH", f"{path}/{first['id']}", caller, {"is_default": True}), 404, "not-found")
    again = (await notify.call("POST", path, caller, {field: values[0]})).json()
    assert again["is_default"] is True
    archived = [event for event in await notify.audited(service) if event.action.endswith(":archive")]
    assert [event.subject_id for event in archived] == [second["id"], first["id"]]


@both
async def test_first_entries_at_the_same_moment_make_one_default(
    notify: Any, path: str, plural: str, field: str, values: list[str]
) -> None:
    caller = await notify.a_caller()
    answers = await asyncio.gather(*[notify.call("POST", path, caller, {field: value}) for value in values])
    assert {answer.status_code for answer in answers} == {201}
    assert [row["is_default"] for row in await _list(notify, caller, path, plural)].count(True) == 1


@both
async def test_the_same_one_twice_is_refused_but_replayed_with_a_key(
    notify: Any, path: str, plural: str, field: str, values: list[str]
) -> None:
    caller = await notify.a_caller()
    made = (await notify.call("POST", path, caller, {field: values[0]}, idempotency_key="k")).json()
    assert (await notify.call("POST", path, caller, {field: values[0]}, idempotency_key="k")).json() == made
    _problem(await notify.call("POST", path, caller, {field: values[0].upper()}), 409, "already-present")
    other = (await notify.call("POST", path, caller, {field: values[1]})).json()
    _problem(await notify.call("PATCH", f"{path}/{other['id']}", caller, {field: values[0]}), 409, "already-present")
    renamed = (await notify.call("PATCH", f"{path}/{other['id']}", caller, {field: values[2]})).json()
    assert (renamed[field], renamed["is_default"]) == (values[2], False)


@both
async def test_another_service_can_neither_see_nor_change_them(
    notify: Any, path: str, plural: str, field: str, values: list[str]
) -> None:
    caller, stranger = await notify.a_caller(), await notify.a_caller()
    made = (await notify.call("POST", path, caller, {field: values[0]})).json()
    assert await _list(notify, stranger, path, plural) == []
    _problem(await notify.call("PATCH", f"{path}/{made['id']}", stranger, {field: values[1]}), 404, "not-found")
    _problem(await notify.call("DELETE", f"{path}/{made['id']}", stranger), 404, "not-found")
    assert (await _list(notify, caller, path, plural))[0][field] == values[0]


async def test_addresses_and_senders_that_cannot_be_are_refused(notify: Any) -> None:
    caller = await notify.a_caller()
    wrong = await notify.call("POST", "/v1/reply-to-addresses", caller, {"address": "not an address", "extra": 1})
    assert set(_faults(wrong)) == {"extra"}
    wrong = await notify.call("POST", "/v1/reply-to-addresses", caller, {"address": "not an address"})
    assert _faults(wrong) == {"address": "Not a valid email address"}
    wrong = await notify.call("POST", "/v1/sms-senders", caller, {"sender": "info"})
    assert _faults(wrong) == {"sender": "must say who the message is from"}
    assert _faults(await notify.call("POST", "/v1/sms-senders", caller, {})) == {"sender": "Is required"}


async def test_a_number_as_sender_is_kept_with_its_country_code(notify: Any) -> None:
    answer = await notify.call("POST", "/v1/sms-senders", await notify.a_caller(), {"sender": "07700 900 111"})
    assert answer.json()["sender"] == "447700900111"


async def test_no_address_reaches_the_audit_log(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    made = (
        await notify.call("POST", "/v1/reply-to-addresses", caller, {"address": "jo.bloggs@permits.example"})
    ).json()
    await notify.call("PATCH", f"/v1/reply-to-addresses/{made['id']}", caller, {"address": "sam@permits.example"})
    await notify.call("POST", "/v1/sms-senders", caller, {"sender": "07700900111"})
    await notify.call("PUT", "/v1/guest-list", caller, {"emails": ["ann@x.example"], "phone_numbers": ["07700900222"]})
    text = repr(await notify.audited(service))
    assert not any(word in text for word in ("bloggs", "sam@", "ann@", "7700900111", "7700900222"))
    assert "'is_value_changed': True" in text


# guest list ----------------------------------------------------------------


async def test_the_audit_log_is_read_page_by_page_and_by_what_was_done(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    for prefix in (False, True, False):
        await notify.call("PATCH", "/v1/settings", caller, {"sms_prefix": prefix})
    sender = (await notify.call("POST", "/v1/sms-senders", caller, {"sender": "PERMITS"})).json()
    first = (await notify.call("GET", "/v1/audit-events?limit=3", caller)).json()
    assert [event["action"] for event in first["events"]] == ["notify:settings:update"] * 3
    assert first["events"][0]["after"] == {"sms_prefix": False}
    rest = (await notify.call("GET", f"/v1/audit-events?limit=3&after={first['next']}", caller)).json()
    assert ([event["subject_id"] for event in rest["events"]], rest["next"]) == ([sender["id"]], None)
    only = (await notify.call("GET", "/v1/audit-events?action=notify:sms-sender:add", caller)).json()["events"]
    assert [event["subject_id"] for event in only] == [sender["id"]]
    about = (await notify.call("GET", f"/v1/audit-events?subject_id={service}", caller)).json()["events"]
    assert len(about) == 3


async def test_who_may_read_which_audit_events(notify: Any) -> None:
    service, other = await notify.a_service(), await notify.a_service()
    # all keys first: a key made later would not be known until the cache of keys is read anew
    reader = await notify.a_key(service, scopes=["notify:read"])
    keys = [await notify.a_key(each) for each in (service, other)]
    for key in keys:
        await notify.call("PATCH", "/v1/settings", key, {"sms_prefix": False})
    mine = (await notify.call("GET", f"/v1/audit-events?service_id={other}", keys[0])).json()
    assert [event["service_id"] for event in mine["events"]] == [str(service)]
    _problem(await notify.call("GET", "/v1/audit-events", reader), 403, "scope-missing")
    ada = await notify.an_operator(None, "notify:operate")
    assert len((await notify.call("GET", "/v1/audit-events", ada)).json()["events"]) == 2
    one = (await notify.call("GET", f"/v1/audit-events?service_id={other}", ada)).json()["events"]
    assert [event["service_id"] for event in one] == [str(other)]
    _problem(
        await notify.call("GET", "/v1/audit-events", await notify.an_operator(service, "notify:settings")),
        403,
        "scope-missing",
    )
    for query in ("limit=0", "limit=x", "after=-1", "action=a:b:c", "subject_id=%00"):
        assert len(_faults(await notify.call("GET", f"/v1/audit-events?{query}", ada))) == 1
