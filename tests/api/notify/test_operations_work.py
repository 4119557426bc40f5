"""The work list for operators: how lanes stand, what was given up, replay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from common import clock
from common.audit import Action, list_events


async def _buried(desk: Any, count: int = 1) -> list[str]:
    """Messages that ended in technical-failure, with their work in the dead letters; newest first."""
    ids = [(await desk.sent("sms"))["id"] for _ in range(count)]
    await desk.put("update notify.messages set status = 'technical-failure', status_reason = '401'")
    await desk.put(
        """
        with gone as (delete from notify.work returning *)
        insert into notify.work_dead (id, topic, ref, service_id, lane, attempt, reason, trace, created_at)
        select id, topic, ref, service_id, lane, 3, '401', trace, created_at from gone
        """
    )
    return ids[::-1]


@pytest.fixture
async def operator(desk: Any) -> dict[str, str]:
    caller: dict[str, str] = await desk.notify.an_operator(None, "notify:operate")
    return caller


async def test_lanes_tell_what_waits_and_what_is_late(desk: Any, operator: dict[str, str]) -> None:
    await desk.sent("sms")
    await desk.sent("email", scheduled_for=(clock.now() + timedelta(hours=1)).isoformat())
    await desk.sent("sms", "test")
    lanes = {
        lane["lane"]: (lane["waiting"], lane["due"], lane["leased"], lane["dead"])
        for lane in (await desk.notify.call("GET", "/v1/work", operator)).json()["lanes"]
    }
    assert lanes == {"sms-normal": (1, 1, 0, 0), "email-normal": (1, 0, 0, 0), "simulated": (1, 1, 0, 0)}


async def test_given_up_work_is_listed_with_its_reason_in_pages(desk: Any, operator: dict[str, str]) -> None:
    ids = await _buried(desk, 3)
    page = (await desk.notify.call("GET", "/v1/work/dead?limit=2", operator)).json()
    assert [work["ref"] for work in page["work"]] == ids[:2]
    assert {(work["reason"], work["attempt"], work["topic"]) for work in page["work"]} == {("401", 3, "deliver")}
    rest = (await desk.notify.call("GET", f"/v1/work/dead?limit=2&cursor={page['next']}", operator)).json()
    assert ([work["ref"] for work in rest["work"]], rest["next"]) == (ids[2:], None)
    none = await desk.notify.call("GET", "/v1/work/dead?topic=simulate", operator)
    assert none.json() == {"work": [], "next": None}


async def test_replay_puts_named_work_back_with_its_message(desk: Any, operator: dict[str, str]) -> None:
    first, second = await _buried(desk, 2)
    answer = await desk.notify.call("POST", "/v1/work/replay", operator, {"ids": [first]})
    assert (answer.status_code, answer.json()) == (200, {"replayed": 1})
    statuses = [(await desk.read(message_id)).json()["status"] for message_id in (first, second)]
    assert statuses == ["created", "technical-failure"]
    again = await desk.notify.call("POST", "/v1/work/replay", operator, {"ids": [first]})
    assert again.json() == {"replayed": 0}
    async with desk.db.reading() as tx:
        assert await tx.fetchval("select attempt from notify.work where id = $1", UUID(first)) == 0


async def test_replay_of_all_keeps_to_topic_and_limit(desk: Any, operator: dict[str, str]) -> None:
    await _buried(desk, 3)
    for body, count in (({"topic": "simulate"}, 0), ({"topic": "deliver", "limit": 2}, 2), ({}, 1), ({}, 0)):
        answer = await desk.notify.call("POST", "/v1/work/replay", operator, body)
        assert answer.json() == {"replayed": count}, body
    messages = (await desk.notify.call("GET", "/v2/notifications", desk.keys["live"])).json()["notifications"]
    assert [message["status"] for message in messages] == ["created"] * 3


async def test_replay_is_audited(desk: Any, operator: dict[str, str]) -> None:
    [message_id] = await _buried(desk)
    await desk.notify.call("POST", "/v1/work/replay", operator, {"ids": [message_id]})
    async with desk.db.reading() as tx:
        events = await list_events(tx, "notify", action=Action.WORK_REPLAY)
    assert [(event.subject_id, event.after) for event in events] == [(message_id, {"count": 1})]


@pytest.mark.parametrize("path", ["/v1/work", "/v1/work/dead"])
async def test_work_is_for_operators_scope_only(desk: Any, path: str) -> None:
    assert (await desk.notify.call("GET", path, desk.keys["live"])).status_code == 403
    assert (await desk.notify.call("POST", "/v1/work/replay", desk.keys["live"], {})).status_code == 403
    assert (await desk.notify.call("GET", path, {})).status_code == 401


async def test_replay_request_that_is_wrong_is_named(desk: Any, operator: dict[str, str]) -> None:
    for body in ({"ids": ["x"]}, {"limit": 0}, {"all": True}):
        answer = await desk.notify.call("POST", "/v1/work/replay", operator, body)
        assert (answer.status_code, answer.json()["kind"]) == (400, "invalid-input")
