"""A service's guest list over HTTP, and what of the configuration the accept path asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from common.audit import Actor
from common.crypto import Crypto, promoted, with_new_key
from common.tenancy import flow as tenancy
from common.tenancy.resealing import reseal
from services.notify.configuration import flow, store
from services.notify.recipients.normal import normalise


def _problem(answer: Any, status: int, kind: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["kind"] == kind
    return answer.json()


def _faults(answer: Any) -> dict[str, str]:
    return {fault["field"]: fault["message"] for fault in _problem(answer, 400, "invalid-input")["faults"]}


# settings ------------------------------------------------------------------


async def test_a_guest_list_is_replaced_whole_and_shown_as_written(notify: Any) -> None:
    service = await notify.a_service(status="trial")
    caller = await notify.a_key(service)
    empty = {"emails": [], "phone_numbers": []}
    assert (await notify.call("GET", "/v1/guest-list", caller)).json() == empty
    guests = {"emails": ["Ann@X.example", "bob@x.example"], "phone_numbers": ["07700 900 222"]}
    assert (await notify.call("PUT", "/v1/guest-list", caller, guests)).json() == guests
    assert (await notify.call("GET", "/v1/guest-list", caller)).json() == guests
    repeated = {"emails": ["bob@x.example", "BOB@x.example"], "phone_numbers": []}
    answer = await notify.call("PUT", "/v1/guest-list", caller, repeated)
    assert answer.json() == {"emails": ["bob@x.example"], "phone_numbers": []}
    last = (await notify.audited(service))[-1]
    assert (last.action, last.before, last.after) == (
        "notify:guest-list:replace", {"emails": 2, "phone_numbers": 1}, {"emails": 1, "phone_numbers": 0}
    )  # fmt: skip
    stored = await notify.db.pool.fetchval("select string_agg(encode(personal, 'escape'), ' ') from notify.guest_list")
    assert "bob" not in stored


async def test_a_guest_list_holds_at_most_five_of_each_and_only_what_can_be_written_to(notify: Any) -> None:
    caller = await notify.a_caller()
    body = {"emails": [f"g{n}@x.example" for n in range(6)], "phone_numbers": ["07700900222", "12"]}
    assert _faults(await notify.call("PUT", "/v1/guest-list", caller, body)) == {
        "emails": "must hold at most 5", "phone_numbers.1": "Not enough digits"
    }  # fmt: skip
    assert _faults(await notify.call("PUT", "/v1/guest-list", caller, {"emails": []})) == {
        "phone_numbers": "Is required"
    }


async def test_only_a_persons_reading_of_the_guest_list_is_audited(notify: Any) -> None:
    service = await notify.a_service()
    await notify.call("GET", "/v1/guest-list", await notify.a_key(service))
    assert await notify.audited(service) == []
    await notify.call("GET", "/v1/guest-list", await notify.an_operator(service, "notify:read"))
    assert [(event.action, event.actor) for event in await notify.audited(service)] == [
        ("notify:guest-list:read", "ada")
    ]


# the whole, as the accept path sees it --------------------------------------


async def test_the_setup_holds_what_accepting_a_message_asks(notify: Any) -> None:
    service = await notify.a_service(status="trial")
    caller = await notify.a_key(service)
    gone, used = [
        (await notify.call("POST", "/v1/reply-to-addresses", caller, {"address": f"{name}@p.example"})).json()["id"]
        for name in ("old", "new")
    ]
    await notify.call("PATCH", f"/v1/reply-to-addresses/{used}", caller, {"is_default": True})
    await notify.call("DELETE", f"/v1/reply-to-addresses/{gone}", caller)
    await notify.call("PUT", "/v1/guest-list", caller, {"emails": ["Guest@x.example"], "phone_numbers": []})
    async with notify.db.transaction() as tx:
        contact = tenancy.Contact("member@x.example", "447700900111")
        who = Actor("system", "tests")
        await tenancy.add_member(tx, notify.crypto, who, service, contact, "developer")
        left = await tenancy.add_member(tx, notify.crypto, who, service, tenancy.Contact("left@x.example"), "developer")
        await tenancy.remove_member(tx, who, service, left)
    async with notify.db.reading() as tx:
        setup = await store.setup(tx, service)
    assert (setup.reply_to, setup.default_reply_to) == ({UUID(used): "new@p.example"}, "new@p.example")
    assert (setup.sms_senders, setup.default_sms_sender) == ({}, None)
    reached = ("guest@x.example", "member@x.example", "447700900111")
    assert setup.allowed == {notify.crypto.index(service, recipient) for recipient in reached}


async def test_a_guest_is_found_and_read_after_the_keys_were_changed(notify: Any, keyring: str) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    await notify.call("PUT", "/v1/guest-list", caller, {"emails": ["Guest@x.example"], "phone_numbers": []})
    newer = Crypto(promoted(with_new_key(with_new_key(keyring), part="index")))
    done = await reseal(notify.db, newer, flow.SEALED)
    assert (done.rows, done.resealed, done.unreadable) == (1, 1, 0)
    assert (await reseal(notify.db, newer, flow.SEALED)).resealed == 0
    async with notify.db.transaction() as tx:
        guests = await flow.read_guests(tx, newer, Actor("system", "tests"), service)
        setup = await store.setup(tx, service)
        [row] = await store.guests(tx, service)
    assert guests.emails == ["Guest@x.example"]
    assert setup.allowed == {newer.index(service, normalise("email", "guest@x.example"))}
    assert newer.key_number(row.personal) == newer.current


# audit log -----------------------------------------------------------------
