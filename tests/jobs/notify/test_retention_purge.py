"""Retention: personal data goes when a service's days are over, test messages go altogether."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from common import clock, ids
from common.db import Database
from common.testing.builders import a_team
from services.notify import worker
from services.notify.configuration.rules import SettingsChange
from services.notify.retention.flow import blank_expired, purge_unsubscribes, turn_partitions


async def test_after_seven_days_recipient_and_personalisation_are_gone(post: Any) -> None:
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    before = await post.row(message_id)
    with clock.shifted(timedelta(days=6, hours=23)):
        assert await blank_expired(post.db) == 0
    with clock.shifted(timedelta(days=7, minutes=1)):
        assert await blank_expired(post.db) == 1
        assert await blank_expired(post.db) == 0
    after = await post.row(message_id)
    assert (after["personal"], after["recipient_index"]) == (None, None)
    kept = {name for name in before.keys() if name not in ("personal", "recipient_index")}  # noqa: SIM118
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


async def test_test_messages_go_altogether(post: Any) -> None:
    message_id = await post.a_message("email", key_type="test")
    await post.deliverer().deliver("simulated")
    with clock.shifted(timedelta(days=7, minutes=1)):
        assert await blank_expired(post.db) == 1
    assert await post.row(message_id) is None


async def test_each_channel_has_its_own_days(post: Any) -> None:
    change = SettingsChange(retention_sms_days=3, retention_email_days=90)
    await post.testing.with_settings(post.db, post.service_id, change)
    text, mail = await post.a_message("sms"), await post.a_message("email")
    with clock.shifted(timedelta(days=3, minutes=1)):
        assert await blank_expired(post.db) == 1
    assert (await post.row(text))["personal"] is None
    with clock.shifted(timedelta(days=89, hours=23)):
        assert await blank_expired(post.db) == 0
    with clock.shifted(timedelta(days=90, minutes=1)):
        assert await blank_expired(post.db) == 1
    assert (await post.row(mail))["personal"] is None


async def test_other_services_keep_theirs(post: Any) -> None:
    other = await a_team(post.db, post.crypto, name="Dog licences")
    await post.testing.with_settings(post.db, post.service_id, SettingsChange(retention_sms_days=3))
    template = await post.testing.a_template(post.db, other.service_id)
    theirs = await post.a_message("sms", service_id=other.service_id, template=template)
    ours = await post.a_message("sms")
    with clock.shifted(timedelta(days=4)):
        assert await blank_expired(post.db) == 1
    assert (await post.row(theirs))["personal"] is not None
    assert (await post.row(ours))["personal"] is None


async def test_days_that_were_lengthened_hold_from_then_on(post: Any) -> None:
    await post.a_message("sms")
    with clock.shifted(timedelta(days=8)):
        assert await blank_expired(post.db) == 1
        await post.testing.with_settings(post.db, post.service_id, SettingsChange(retention_sms_days=30))
        await post.a_message("sms")
    with clock.shifted(timedelta(days=37)):
        assert await blank_expired(post.db) == 0
    with clock.shifted(timedelta(days=38, minutes=1)):
        assert await blank_expired(post.db) == 1


async def test_more_than_a_batch_is_blanked_whole(post: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("services.notify.retention.flow._BATCH", 3)
    ids = [await post.a_message("sms") for _ in range(7)]
    with clock.shifted(timedelta(days=8)):
        assert await blank_expired(post.db) == 7
    assert {(await post.row(i))["personal"] for i in ids} == {None}


async def test_work_of_a_blanked_message_ends_and_sends_nothing(post: Any) -> None:
    message_id = await post.a_message("sms")
    with clock.shifted(timedelta(days=8)):
        await blank_expired(post.db)
        assert await post.deliverer().deliver("sms-normal") == 1
    assert post.text.gone == []
    assert await post.waiting(message_id) is None


async def test_partitions_stand_eight_weeks_ahead_and_turning_twice_changes_nothing(post: Any) -> None:
    count = "select count(*) from pg_inherits where inhparent = 'notify.messages'::regclass"
    await turn_partitions(post.db)
    async with post.db.reading() as tx:
        before = await tx.fetchval(count)
    await turn_partitions(post.db)
    async with post.db.reading() as tx:
        assert await tx.fetchval(count) == before >= 10


_ALL_PARTITIONS = "select count(*) from pg_inherits where inhparent = 'notify.messages'::regclass"


async def test_old_weeks_are_dropped_unless_somebody_reads_the_table_then_next_time(fresh_database_url: str) -> None:
    """A backup holds the table for hours: who waits for it to drop a week makes every insert wait as well."""
    async with Database(fresh_database_url, pool_size=3) as database:
        async with database.reading() as tx:
            before = await tx.fetchval(_ALL_PARTITIONS)
        with clock.shifted(timedelta(days=120)):
            async with database.transaction() as backup:
                await backup.execute("select from notify.messages limit 1")
                async with asyncio.timeout(10):
                    await turn_partitions(database)
                assert await backup.fetchval(_ALL_PARTITIONS) == before
            await turn_partitions(database)
        async with database.reading() as tx:
            assert await tx.fetchval(_ALL_PARTITIONS) < before


async def test_missing_weeks_are_made_while_somebody_reads_the_table(fresh_database_url: str) -> None:
    async with Database(fresh_database_url, pool_size=3) as database:
        async with database.transaction() as tx:
            before = await tx.fetchval(_ALL_PARTITIONS)
            last = await tx.fetchval(
                "select max(inhrelid::regclass::text) from pg_inherits where inhparent = 'notify.messages'::regclass"
            )
            await tx.execute(f"drop table {last}")
        with clock.shifted(timedelta(days=120)):
            async with database.transaction() as backup:
                await backup.execute("select from notify.messages limit 1")
                await turn_partitions(database)
                assert await backup.fetchval(_ALL_PARTITIONS) == before


async def test_work_given_up_90_days_ago_is_forgotten(post: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "_BATCH", 2)
    async with post.db.transaction() as tx:
        for _ in range(5):
            await post.work.add(tx, topic="deliver", ref=ids.uuid7(), service_id=post.service_id, lane="sms-normal")
        works = await post.work.claim(tx, "sms-normal", limit=5, lease_s=60)
        await post.work.bury(tx, [(work, "no such template") for work in works])
    with clock.shifted(timedelta(days=89, hours=23)):
        assert await worker.purge_dead(post.db) == 0
    await post.put("update notify.work_dead set died_at = died_at + interval '1 day' where id = $1", works[2].id)
    with clock.shifted(timedelta(days=90, minutes=1)):
        assert await worker.purge_dead(post.db) == 4
    assert [ref for ref, _ in await post.dead()] == [works[2].ref]


async def test_worker_purges_what_was_given_up_by_the_clock(post: Any) -> None:
    assert "dead-purge" in {tick.name for tick in worker.ticks(post.db)}


async def test_requests_to_unsubscribe_are_forgotten_after_a_year(post: Any) -> None:
    made = clock.now()
    await post.put(
        "insert into notify.unsubscribe_requests (id, service_id, mode, message_id, template_id, template_version,"
        " created_at) values ($1, $2, 'live', $1, $1, 1, $3)",
        ids.uuid7(),
        post.service_id,
        made,
    )
    count = "select count(*) from notify.unsubscribe_requests"
    for days, left in ((364, 1), (366, 0)):
        with clock.shifted(timedelta(days=days)):
            await purge_unsubscribes(post.db)
        async with post.db.reading() as tx:
            assert await tx.fetchval(count) == left
