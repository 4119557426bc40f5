"""GET of the list: filters, pages and their links (contract 1.5, traps 4 and 8 of section 6)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest

from common import ids
from services.notify.messages import store

STATUSES = (
    "cancelled, created, sending, sent, delivered, pending, failed, technical-failure, temporary-failure, "
    "permanent-failure, pending-virus-check, validation-failed, virus-scan-failed, returned-letter, accepted, received"
)
# as the official clients look for the next page: the first UUID of the address
FIRST_UUID = re.compile("[0-F]{8}-[0-F]{4}-[0-F]{4}-[0-F]{4}-[0-F]{12}", re.I)


async def _list(desk: Any, query: str = "", key: str = "live") -> dict[str, Any]:
    answer = await desk.notify.call("GET", f"/v2/notifications{query}", desk.keys[key])
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def _ids(desk: Any, query: str = "", key: str = "live") -> list[str]:
    return [message["id"] for message in (await _list(desk, query, key))["notifications"]]


async def test_messages_come_newest_first_as_they_are_read_by_id(desk: Any) -> None:
    sent = [(await desk.sent(channel))["id"] for channel in ("sms", "email", "sms")]
    page = await _list(desk)
    assert [message["id"] for message in page["notifications"]] == sent[::-1]
    for message in page["notifications"]:
        assert message == (await desk.read(message["id"])).json()


@pytest.mark.parametrize("key", ["live", "team", "test"])
async def test_list_shows_what_the_callers_type_of_key_sent(desk: Any, key: str) -> None:
    await desk.testing.with_guests(desk.db, desk.crypto, desk.service_id, phones=["07700900123"])
    sent = {kind: (await desk.sent("sms", kind))["id"] for kind in ("live", "team", "test")}
    assert await _ids(desk, key=key) == [sent[key]]


async def test_other_services_messages_are_not_listed(desk: Any, trial: Any) -> None:
    await trial.sent("sms", "test")
    assert await _ids(desk, key="test") == []


async def test_filters_choose_among_the_messages(desk: Any) -> None:
    ids = {
        "sms": (await desk.sent("sms"))["id"],
        "sms-ref": (await desk.sent("sms", reference="case-1"))["id"],
        "email": (await desk.sent("email"))["id"],
    }
    await desk.put("update notify.messages set status = 'delivered' where id = $1", UUID(ids["sms"]))
    await desk.put("update notify.messages set status = 'sending' where id = $1", UUID(ids["email"]))
    for query, wanted in [
        ("?template_type=sms", {"sms", "sms-ref"}),
        ("?template_type=email", {"email"}),
        ("?template_type=letter", set()),
        ("?template_type=sms&template_type=email", {"sms", "sms-ref", "email"}),
        ("?status=created", {"sms-ref"}),
        ("?status=accepted", {"sms-ref", "email"}),
        ("?status=received", {"sms"}),
        ("?status=delivered&status=sending", {"sms", "email"}),
        ("?status=failed", set()),
        ("?reference=case-1", {"sms-ref"}),
        ("?reference=case-1&status=delivered", set()),
        ("?reference=none", set()),
        ("?include_jobs=true", {"sms", "sms-ref", "email"}),
        ("?include_jobs=True&template_type=email", {"email"}),
    ]:
        assert set(await _ids(desk, query)) == {ids[name] for name in wanted}, query


async def test_failed_stands_for_every_failure(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    for status in ("technical-failure", "temporary-failure", "permanent-failure"):
        await desk.put("update notify.messages set status = $1", status)
        assert await _ids(desk, "?status=failed") == [message_id]


async def test_faults_of_the_query_are_named(desk: Any) -> None:
    for query, messages in [
        ("?status=elephant", [f"status elephant is not one of [{STATUSES}]"]),
        ("?template_type=Apple", ["template_type Apple is not one of [sms, email, letter]"]),
        ("?older_than=1", ["older_than is not a valid UUID"]),
        ("?include_jobs=false", ["include_jobs false is not one of [true, True]"]),
        ("?status=", [f"status  is not one of [{STATUSES}]"]),
        ("?reference=a%00b", ["reference must not contain NUL characters"]),
        ("?page=2", ["Additional properties are not allowed (page was unexpected)"]),
        (
            "?status=elephant&template_type=Apple",
            [
                f"status elephant is not one of [{STATUSES}]",
                "template_type Apple is not one of [sms, email, letter]",
            ],
        ),
    ]:
        answer = await desk.notify.call("GET", f"/v2/notifications{query}", desk.keys["live"])
        assert desk.refusal(answer) == (400, [("ValidationError", message) for message in messages])


async def test_next_is_on_every_page_that_is_not_empty(desk: Any) -> None:
    sent = [(await desk.sent("sms"))["id"] for _ in range(2)]
    page = await _list(desk)
    assert page["links"] == {
        "current": "https://notify.test/v2/notifications",
        "next": f"https://notify.test/v2/notifications?older_than={sent[0]}",
    }
    last = await _list(desk, f"?older_than={sent[0]}")
    assert last == {
        "notifications": [],
        "links": {"current": f"https://notify.test/v2/notifications?older_than={sent[0]}"},
    }


async def test_next_keeps_the_filters_and_its_first_uuid_is_the_one_to_follow(desk: Any) -> None:
    reference = str(uuid4())
    sent = [(await desk.sent("sms", reference=reference))["id"] for _ in range(3)]
    query = f"?reference={reference}&status=created&status=sending&older_than={sent[2]}"
    page = await _list(desk, query)
    assert [message["id"] for message in page["notifications"]] == [sent[1], sent[0]]
    assert page["links"]["current"] == f"https://notify.test/v2/notifications{query}"
    found = FIRST_UUID.search(page["links"]["next"])
    assert found is not None
    assert found.group(0) == sent[0]
    pairs = parse_qsl(urlsplit(page["links"]["next"]).query)
    assert sorted(pairs) == sorted(
        [("older_than", sent[0]), ("reference", reference), ("status", "created"), ("status", "sending")]
    )


async def test_pages_hold_250_and_join_without_gap_or_repeat(desk: Any) -> None:
    last = (await desk.sent("sms"))["id"]
    first = await _copies(desk, UUID(last), 520)
    seen: list[str] = []
    query, sizes = "", []
    while True:
        page = await _list(desk, query)
        sizes.append(len(page["notifications"]))
        seen += [message["id"] for message in page["notifications"]]
        if "next" not in page["links"]:
            break
        query = f"?{urlsplit(page['links']['next']).query}"
    assert sizes == [250, 250, 21, 0]
    assert seen == [*reversed(first), last]


async def _copies(desk: Any, of: UUID, count: int) -> list[str]:
    """Messages like one that was sent, at later moments, each sealed for its own id."""
    made = [ids.uuid7() for _ in range(count)]
    async with desk.db.transaction() as tx:
        row = await store.message(tx, desk.service_id, of)
        assert row is not None
        assert row.personal is not None
        personal = store.unseal(desk.crypto, row.personal, row=of, service=desk.service_id)
        blobs = [store.seal(desk.crypto, personal, row=new, service=desk.service_id) for new in made]
        await tx.execute(
            """
            insert into notify.messages (id, service_id, mode, key_type, channel, template_id, template_version,
                status, personal, created_at)
            select n.id, m.service_id, m.mode, m.key_type, m.channel, m.template_id, m.template_version, m.status,
                n.personal, m.created_at
            from unnest($1::uuid[], $2::bytea[]) as n(id, personal)
            cross join notify.messages m
            where m.id = $3
            """,
            made,
            blobs,
            of,
        )
    return [str(new) for new in made]


async def test_page_after_an_id_that_is_unknown_foreign_or_expired_is_empty(desk: Any, trial: Any) -> None:
    foreign = (await trial.sent("sms", "test"))["id"]
    expired = (await desk.sent("sms"))["id"]
    await desk.sent("sms")
    await desk.put("update notify.messages set personal = null where id = $1", UUID(expired))
    kept = (await desk.sent("sms"))["id"]
    assert len(await _ids(desk, f"?older_than={kept}")) == 1
    for older_than in (foreign, expired, str(uuid4()), "ffffffff-ffff-7fff-8fff-ffffffffffff"):
        page = await _list(desk, f"?older_than={older_than}")
        assert page["notifications"] == []
        assert set(page["links"]) == {"current"}


async def test_operator_follows_the_link_to_the_next_page(desk: Any) -> None:
    sent = [(await desk.sent("sms", "test"))["id"] for _ in range(2)]
    operator = await desk.notify.an_operator(None, "notify:read")
    path = f"/v2/notifications?service_id={desk.service_id}&key_type=test"
    page = (await desk.notify.call("GET", path, operator)).json()
    assert [message["id"] for message in page["notifications"]] == sent[::-1]
    assert page["links"]["current"] == f"https://notify.test{path}"
    found = FIRST_UUID.search(page["links"]["next"])
    assert found is not None
    assert found.group(0) == sent[0]
    after = await desk.notify.call("GET", page["links"]["next"].removeprefix("https://notify.test"), operator)
    assert (after.status_code, after.json()["notifications"]) == (200, [])
