"""The minute's rate and the day's count (contract 1.7): both said before the body is looked at."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from common import clock
from services.notify.configuration.rules import SettingsChange


async def _raw(desk: Any, channel: str, key: str = "live", content: bytes = b"{") -> Any:
    return await desk.notify.client.post(f"/v2/notifications/{channel}", headers=desk.keys[key], content=content)


async def test_rate_is_said_before_the_body_is_read(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(rate_limit_per_minute=6))
    # a bucket of ceil(6 / 3) + 1, of which the last token is never given
    answers = [await _raw(desk, "sms") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    text = "Exceeded rate limit for key type LIVE of 6 requests per 60 seconds"
    assert desk.refusal(answers[2]) == (429, [("RateLimitError", text)])
    assert 1 <= int(answers[2].headers["retry-after"]) <= 10
    assert (answers[2].headers["ratelimit-limit"], answers[2].headers["ratelimit-remaining"]) == ("2", "0")


@pytest.mark.parametrize("key", ["live", "team", "test"])
async def test_each_type_of_key_has_a_rate_of_its_own(desk: Any, key: str) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(rate_limit_per_minute=3))
    for _ in range(2):
        await _raw(desk, "sms", "team" if key == "live" else "live")
    assert (await _raw(desk, "email", key)).status_code == 400
    text = f"Exceeded rate limit for key type {key.upper()} of 3 requests per 60 seconds"
    assert desk.refusal(await _raw(desk, "sms", key)) == (429, [("RateLimitError", text)])


async def test_rate_comes_after_authentication(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(rate_limit_per_minute=3))
    await _raw(desk, "sms")
    assert (await _raw(desk, "sms")).status_code == 429
    answer = await desk.notify.call("POST", "/v2/notifications/sms", {}, {})
    assert answer.status_code == 401


async def test_reading_is_not_limited(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(rate_limit_per_minute=3))
    message_id = (await desk.sent("sms"))["id"]
    for _ in range(5):
        assert (await desk.read(message_id)).status_code == 200


async def test_day_is_said_before_the_body_is_read(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(daily_email=2, daily_sms=1))
    assert (await desk.send("email")).status_code == 201
    assert (await desk.send("email", "team", email_address="x")).status_code == 400
    assert (await desk.send("email")).status_code == 201
    refused = await _raw(desk, "email")
    assert desk.refusal(refused) == (429, [("TooManyRequestsError", "Exceeded send limits (email: 2) for today")])
    assert int(refused.headers["retry-after"]) <= 86_400
    assert (await desk.send("sms")).status_code == 201
    text = "Exceeded send limits (sms: 1) for today"
    assert desk.refusal(await _raw(desk, "sms", "team")) == (429, [("TooManyRequestsError", text)])


async def test_rate_is_said_before_the_day(desk: Any) -> None:
    change = SettingsChange(rate_limit_per_minute=3, daily_sms=0)
    await desk.testing.with_settings(desk.db, desk.service_id, change)
    assert desk.refusal(await _raw(desk, "sms"))[1][0][0] == "TooManyRequestsError"
    assert desk.refusal(await _raw(desk, "sms"))[1][0][0] == "RateLimitError"


async def test_test_keys_are_not_counted_and_not_stopped(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(daily_sms=1))
    for _ in range(3):
        assert (await desk.send("sms", "test")).status_code == 201
    assert (await desk.send("sms")).status_code == 201
    assert (await desk.send("sms")).status_code == 429
    assert (await desk.send("sms", "test")).status_code == 201


async def test_refused_messages_are_not_counted(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(daily_sms=1))
    for _ in range(4):
        assert (await desk.send("sms", template_id="x")).status_code == 400
    assert (await desk.send("sms")).status_code == 201


async def test_day_begins_anew_at_midnight_utc(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(daily_sms=1))
    assert (await desk.send("sms")).status_code == 201
    assert (await desk.send("sms")).status_code == 429
    with clock.shifted(timedelta(days=1)):
        assert (await desk.send("sms")).status_code == 201
        assert (await desk.send("sms")).status_code == 429


async def test_service_in_trial_sends_fifty_a_day_of_each_channel(trial: Any) -> None:
    await trial.testing.with_guests(trial.db, trial.crypto, trial.service_id, phones=["07700900123"])
    answers = await asyncio.gather(*(trial.send("sms") for _ in range(52)))
    assert sorted(answer.status_code for answer in answers) == [201] * 50 + [429] * 2
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert trial.refusal(refused)[1] == [("TooManyRequestsError", "Exceeded send limits (sms: 50) for today")]
    assert await trial.rows() == 50


async def test_texts_abroad_have_a_day_of_their_own(desk: Any) -> None:
    change = SettingsChange(international_sms=True, daily_international_sms=1)
    await desk.testing.with_settings(desk.db, desk.service_id, change)
    abroad = {"phone_number": "+33 6 12 34 56 78"}
    too_long = await desk.send("sms", **abroad, personalisation={"name": "x" * 919})
    assert too_long.status_code == 400  # gives its place back
    assert (await desk.send("sms", **abroad)).status_code == 201
    text = "Exceeded send limits (international_sms: 1) for today"
    assert desk.refusal(await desk.send("sms", **abroad)) == (429, [("TooManyRequestsError", text)])
    # crown dependencies are billed as abroad, yet count as home here
    assert (await desk.send("sms", phone_number="07797 700 123")).status_code == 201
    assert (await desk.send("sms", "test", **abroad)).status_code == 201


async def test_accepted_answers_tell_how_much_is_left(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(rate_limit_per_minute=60))
    answer = await desk.send("sms")
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("20", "19")
    assert "retry-after" not in answer.headers
