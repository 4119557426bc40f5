"""Who may be written to with which key, and recipients that stand for an outcome (contract 1.3)."""

from __future__ import annotations

from typing import Any

import pytest

from services.notify.configuration.rules import SettingsChange

TRIAL = (
    "Can’t send to this recipient when service is in trial mode – see "
    "https://www.notifications.service.gov.uk/trial-mode"
)
TEAM = "Can’t send to this recipient using a team-only API key"
SMOKE = [
    ("sms", "07700900000"),
    ("sms", "+44 7700 900 111"),
    ("sms", "07700900222"),
    ("email", "simulate-delivered@notifications.service.gov.uk"),
    ("email", "Simulate-Delivered-2@notifications.service.gov.uk"),
    ("email", "simulate-delivered-3@notifications.service.gov.uk"),
]
FIELD = {"sms": "phone_number", "email": "email_address"}


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_service_in_trial_reaches_its_team_and_guests_only(trial: Any, channel: str) -> None:
    assert trial.refusal(await trial.send(channel, "live")) == (400, [("BadRequestError", TRIAL)])
    assert trial.refusal(await trial.send(channel, "team")) == (400, [("BadRequestError", TEAM)])
    assert (await trial.send(channel, "test")).status_code == 201


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_team_key_of_a_live_service_reaches_its_team_and_guests_only(desk: Any, channel: str) -> None:
    assert desk.refusal(await desk.send(channel, "team")) == (400, [("BadRequestError", TEAM)])
    assert (await desk.send(channel, "live")).status_code == 201
    assert (await desk.send(channel, "test")).status_code == 201


@pytest.mark.parametrize("key", ["live", "team"])
async def test_guests_are_known_however_they_are_spelt(trial: Any, key: str) -> None:
    await trial.testing.with_guests(
        trial.db, trial.crypto, trial.service_id, emails=["Guest@Example.gov"], phones=["+44 7700 900 321"]
    )
    assert (await trial.send("sms", key, phone_number="07700 900-321")).status_code == 201
    assert (await trial.send("email", key, email_address="guest@EXAMPLE.gov")).status_code == 201
    assert (await trial.send("email", key, email_address="guest2@example.gov")).status_code == 400


@pytest.mark.parametrize("key", ["live", "team"])
async def test_members_are_reached_by_address_and_number(trial: Any, key: str) -> None:
    await trial.testing.a_member(trial.db, trial.crypto, trial.service_id, "Ada@Example.gov", "07700 900 456")
    assert (await trial.send("sms", key, phone_number="447700900456")).status_code == 201
    assert (await trial.send("email", key, email_address="ADA@example.gov")).status_code == 201


async def test_members_of_another_service_are_strangers(trial: Any) -> None:
    other = await trial.notify.a_service()
    await trial.testing.a_member(trial.db, trial.crypto, other, "ada@example.gov", "07700900123")
    for channel in ("sms", "email"):
        assert trial.refusal(await trial.send(channel))[1] == [("BadRequestError", TRIAL)]


@pytest.mark.parametrize(("channel", "recipient"), SMOKE)
async def test_smoke_recipient_gets_an_answer_and_nothing_is_kept(trial: Any, channel: str, recipient: str) -> None:
    """Not even counted: the limit of one a day is never reached."""
    change = SettingsChange(daily_email=1, daily_sms=1)
    await trial.testing.with_settings(trial.db, trial.service_id, change)
    for _ in range(3):
        accepted = await trial.sent(channel, **{FIELD[channel]: recipient})
        assert set(accepted) - {"sanitised_content"} == {
            "id", "reference", "content", "uri", "template", "scheduled_for"
        }  # fmt: skip
    assert trial.refusal(await trial.read(accepted["id"])) == (404, [("NoResultFound", "No result found")])
    assert await trial.rows() == 0
    async with trial.db.reading() as tx:
        assert await tx.fetchval("select count(*) from notify.work") == 0


@pytest.mark.parametrize(("channel", "recipient"), SMOKE[2:4])
async def test_smoke_recipient_is_validated_in_full(desk: Any, channel: str, recipient: str) -> None:
    answer = await desk.send(channel, **{FIELD[channel]: recipient}, personalisation={})
    assert desk.refusal(answer) == (400, [("BadRequestError", "Missing personalisation: name")])


async def test_test_messages_are_kept_apart_and_go_the_simulated_way(desk: Any) -> None:
    await desk.sent("sms", "test")
    await desk.sent("email", "test")
    async with desk.db.reading() as tx:
        rows = await tx.fetch(
            "select m.mode, m.key_type, w.lane, w.topic from notify.messages m join notify.work w using (id)"
        )
    assert [tuple(row) for row in rows] == [("test", "test", "simulated", "simulate")] * 2


async def test_lane_of_a_message_is_its_channel_and_the_urgency_of_its_template(desk: Any) -> None:
    for lane in ("priority", "bulk"):
        template = await desk.testing.a_template(desk.db, desk.service_id, "sms", lane=lane)
        await desk.sent("sms", template_id=str(template))
    await desk.sent("email")
    async with desk.db.reading() as tx:
        rows = await tx.fetch("select lane, topic from notify.work order by id")
    assert [tuple(row) for row in rows] == [
        ("sms-priority", "deliver"), ("sms-bulk", "deliver"), ("email-normal", "deliver")
    ]  # fmt: skip


async def test_nothing_personal_stands_readable_in_the_database(desk: Any) -> None:
    await desk.sent("sms", phone_number="07700900987", personalisation={"name": "Grace Hopper"})
    async with desk.db.reading() as tx:
        row = await tx.fetchrow("select m::text || w::text from notify.messages m join notify.work w using (id)")
    written = row[0]
    for secret in ("900987", "Grace", b"Hopper".hex(), b"447700900987".hex()):
        assert secret not in written
