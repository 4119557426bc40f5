"""What has gone out is recorded, whatever the database does meanwhile: a forgotten call would be made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from services.notify.delivery import flow, store

PASSING = [
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.AdminShutdownError("the server is stopped in order"),
    asyncpg.CrashShutdownError("another process of the server died"),
    asyncpg.CannotConnectNowError("the server starts"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.ReadOnlySQLTransactionError("a standby now"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.DeadlockDetectedError("with receipts that came for the same messages"),
    asyncpg.SerializationError("on a cluster"),
    asyncpg.InternalClientError("ended just as it was used"),
    asyncpg.InterfaceError("closed"),
    OSError("no such socket"),
    TimeoutError(),
]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_RECORD_AGAIN_S", 0.01)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: type(fault).__name__)
async def test_an_outcome_survives_a_fault_that_passes(
    post: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    faults, record = [fault, fault], store.record

    async def recording(tx: Any, endings: Sequence[Any]) -> None:
        await record(tx, endings)
        if endings and faults:
            raise faults.pop()

    monkeypatch.setattr(store, "record", recording)
    ids = [await post.a_message("email") for _ in range(3)]
    await post.deliverer().deliver("email-normal")
    assert [message.id for message in post.email.gone] == ids
    assert [await post.status(i) for i in ids] == ["sending"] * 3
    assert [await post.waiting(i) for i in ids] == [None] * 3
    assert not faults


async def test_an_outcome_survives_the_loss_of_every_connection_while_the_call_is_made(post: Any) -> None:
    async def end_connections(_: Any) -> None:
        control = await asyncpg.connect(post.db.dsn)
        await control.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        await control.close()

    post.email.during = end_connections
    post.email.chunk = 2
    ids = [await post.a_message("email") for _ in range(5)]
    await post.deliverer().deliver("email-normal")
    assert sorted(message.id for message in post.email.gone) == sorted(ids)
    assert [await post.status(i) for i in ids] == ["sending"] * 5


async def test_a_fault_that_does_not_pass_is_not_tried_again(post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def recording(tx: Any, endings: Sequence[Any]) -> None:
        if endings:
            tries.append(len(endings))
            raise asyncpg.CheckViolationError("a bug")

    monkeypatch.setattr(store, "record", recording)
    await post.a_message("email")
    with pytest.raises(asyncpg.CheckViolationError):
        await post.deliverer().deliver("email-normal")
    assert tries == [1]
