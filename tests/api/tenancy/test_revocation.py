"""What is revoked is refused in every process within two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from common import ids
from common.audit import Action, list_events
from common.auth import Authenticator, Refused, Why
from common.auth.directory import Directory
from common.crypto import Crypto
from common.db import Database
from common.tenancy import flow, keys, operators, store
from common.tenancy.contacts import read_contact
from common.testing.builders import TESTER, a_key, a_team


async def _until_refused(authenticators: list[Authenticator], header: str) -> tuple[float, list[Why]]:
    """How long until all refuse while they are asked all the time, and why."""
    began = time.monotonic()
    reasons: list[Why] = []
    while len(reasons) < len(authenticators):
        reasons = []
        assert time.monotonic() - began < 10
        for authenticator in authenticators:
            try:
                await authenticator.authenticate(header, None)
            except Refused as error:
                reasons.append(error.why)
        await asyncio.sleep(0.02)
    return time.monotonic() - began, reasons


@pytest.fixture
def processes(db: Database, crypto: Crypto) -> list[Authenticator]:
    """Two programs: each with a cache of its own."""
    return [Authenticator(Directory(db, crypto), audience="notify") for _ in range(2)]


Change = Callable[[], Awaitable[object]]


async def test_revoked_key_is_refused_everywhere_within_two_seconds(
    db: Database, crypto: Crypto, processes: list[Authenticator]
) -> None:
    team = await a_team(db, crypto)
    issued = await a_key(db, crypto, team.service_id)
    for authenticator in processes:
        await authenticator.authenticate(f"Bearer {issued.secret}", None)
    async with db.transaction() as tx:
        await keys.revoke_key(tx, TESTER, team.service_id, issued.key.id)
    took_s, reasons = await _until_refused(processes, f"Bearer {issued.secret}")
    assert took_s < 2
    assert reasons == [Why.REVOKED] * 2


async def test_suspended_service_is_refused_everywhere_within_two_seconds(
    db: Database, crypto: Crypto, processes: list[Authenticator]
) -> None:
    team = await a_team(db, crypto)
    for authenticator in processes:
        await authenticator.authenticate(f"Bearer {team.live}", None)
    async with db.transaction() as tx:
        await flow.update_service(tx, TESTER, team.service_id, status="suspended")
    took_s, reasons = await _until_refused(processes, f"Bearer {team.live}")
    assert took_s < 2
    assert reasons == [Why.SERVICE_SUSPENDED] * 2


async def test_ended_session_refuses_its_token_everywhere_within_two_seconds(
    db: Database, processes: list[Authenticator]
) -> None:
    async with db.transaction() as tx:
        minted = await operators.open_session(
            tx, TESTER, b"k" * 32, operator="j.smith", service_id=None, scopes=["notify:read"]
        )
    for authenticator in processes:
        await authenticator.authenticate(f"Bearer {minted.token}", None)
    async with db.transaction() as tx:
        await operators.end_session(tx, TESTER, minted.session_id)
    took_s, reasons = await _until_refused(processes, f"Bearer {minted.token}")
    assert took_s < 2
    assert reasons == [Why.OPERATOR_TOKEN] * 2


async def test_revoking_twice_is_one_event_and_keeps_the_first_moment(db: Database, crypto: Crypto) -> None:
    team = await a_team(db, crypto)
    issued = await a_key(db, crypto, team.service_id)
    async with db.transaction() as tx:
        first = await keys.revoke_key(tx, TESTER, team.service_id, issued.key.id)
        again = await keys.revoke_key(tx, TESTER, team.service_id, issued.key.id)
        events = await list_events(tx, "platform", action=Action.KEY_REVOKE)
    assert again.revoked_at == first.revoked_at
    assert len(events) == 1


async def test_same_name_taken_at_the_same_moment_is_refused_once(db: Database) -> None:
    async def create() -> object:
        async with db.transaction() as tx:
            return await flow.create_organisation(tx, TESTER, name="Borough of Tests")

    outcomes = await asyncio.gather(create(), create(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NameTaken", "OrganisationRow"]


async def test_member_removed_while_resealing_stays_forgotten(db: Database, crypto: Crypto) -> None:
    team = await a_team(db, crypto)
    async with db.transaction() as tx:
        contact = read_contact("amal@example.gov")
        member_id = await flow.add_member(tx, crypto, TESTER, team.service_id, contact, "admin")
        (row,) = await store.sealed_members(tx, ids.UUID(int=0), 10)
    async with db.transaction() as tx:
        await flow.remove_member(tx, TESTER, team.service_id, member_id)
    async with db.transaction() as tx:
        await store.reseal_members(tx, [(row, row)])
        assert await tx.fetchval("select personal from platform.members") == b""
