"""Idempotency-Key on sending: the same key and body give the first answer again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from common import clock
from common.http.idempotency import purge
from services.notify.configuration.rules import SettingsChange

REUSED = "This Idempotency-Key was used before with another body."


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_same_key_and_body_give_the_first_answer(desk: Any, channel: str) -> None:
    fields = {"reference": "case-7", "personalisation": {"name": ["Ada", "[Grace](https://evil.link)"]}}
    if channel == "email":
        fields["sanitise_content_for"] = ["name"]
        fields["one_click_unsubscribe_url"] = "https://permits.example.gov/stop"
    first = await desk.send(channel, idempotency_key="one", **fields)
    again = await desk.send(channel, idempotency_key="one", **fields)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert await desk.rows() == 1


async def test_scheduled_message_is_answered_alike_after_its_time_too(desk: Any) -> None:
    at = (clock.now() + timedelta(hours=1)).isoformat()
    first = await desk.send("email", idempotency_key="one", scheduled_for=at)
    assert first.status_code == 201, first.text
    with clock.shifted(timedelta(hours=2)):
        again = await desk.send("email", idempotency_key="one", scheduled_for=at)
    assert again.status_code == 201, again.text
    assert again.json() == first.json()


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_same_key_with_another_body_is_refused(desk: Any, channel: str) -> None:
    await desk.send(channel, idempotency_key="one")
    for fields in ({"reference": "other"}, {"template_id": "x"}):
        answer = await desk.send(channel, idempotency_key="one", **fields)
        assert desk.refusal(answer) == (409, [("ConflictError", REUSED)])
    assert await desk.rows() == 1


async def test_twins_at_the_same_moment_make_one_message(desk: Any) -> None:
    answers = await asyncio.gather(*(desk.send("sms", idempotency_key="one") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await desk.rows() == 1


async def test_twins_with_different_bodies_make_one_message_and_the_others_are_refused(desk: Any) -> None:
    answers = await asyncio.gather(*(desk.send("sms", idempotency_key="one", reference=str(n)) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert await desk.rows() == 1


async def test_keyed_and_unkeyed_requests_of_one_group_each_get_their_own_answer(desk: Any) -> None:
    calls = [desk.send("sms", idempotency_key=f"k{n % 3}" if n % 2 else None, reference="r") for n in range(24)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 12 + 3
    assert await desk.rows() == 15


async def test_refused_request_burns_no_key(desk: Any) -> None:
    assert (await desk.send("sms", idempotency_key="one", phone_number="0")).status_code == 400
    assert (await desk.send("sms", idempotency_key="one")).status_code == 201
    assert await desk.rows() == 1


async def test_test_and_live_keys_of_clients_do_not_meet(desk: Any) -> None:
    live = await desk.send("sms", "live", idempotency_key="one")
    test = await desk.send("sms", "test", idempotency_key="one")
    assert live.json()["id"] != test.json()["id"]
    assert (await desk.send("sms", "test", idempotency_key="one")).json()["id"] == test.json()["id"]


async def test_channels_and_services_do_not_meet(desk: Any, trial: Any) -> None:
    answers = [
        await desk.send("sms", idempotency_key="one"),
        await desk.send("email", idempotency_key="one"),
        await trial.send("sms", "test", idempotency_key="one"),
    ]
    assert len({answer.json()["id"] for answer in answers}) == 3


async def test_replay_is_not_counted(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(daily_sms=2))
    for _ in range(3):
        assert (await desk.send("sms", idempotency_key="one")).status_code == 201
    assert (await desk.send("sms")).status_code == 201
    assert (await desk.send("sms")).status_code == 429


async def test_replay_survives_the_archiving_of_its_template(desk: Any) -> None:
    first = await desk.send("sms", idempotency_key="one")
    await desk.testing.archive(desk.db, desk.service_id, desk.templates["sms"])
    async with asyncio.timeout(10):
        while (await desk.send("sms")).status_code == 201:
            await asyncio.sleep(0.1)
    again = await desk.send("sms", idempotency_key="one")
    assert (again.status_code, again.json()) == (201, first.json())


async def test_key_that_is_no_key_is_refused(desk: Any) -> None:
    for key in ["", " ", "a b", "x" * 256, "é"]:
        headers = [*desk.keys["live"].items(), ("idempotency-key", key.encode("latin-1"))]
        answer = await desk.notify.client.post("/v2/notifications/sms", headers=headers, json=desk.body("sms"))
        status, [(error, _)] = desk.refusal(answer)
        assert (status, error) == (400, "BadRequestError")


async def test_key_is_free_again_after_a_day(desk: Any) -> None:
    first = await desk.send("sms", idempotency_key="one")
    async with desk.db.transaction() as tx:
        assert await purge(tx, "notify") == 0
    with clock.shifted(timedelta(hours=24, seconds=5)):
        async with desk.db.transaction() as tx:
            assert await purge(tx, "notify") == 1
    again = await desk.send("sms", idempotency_key="one")
    assert again.json()["id"] != first.json()["id"]
