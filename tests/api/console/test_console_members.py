"""The console's API of teams, through the whole program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.audit import Action, list_events
from common.crypto import Crypto
from common.db import Database
from common.tenancy import operators
from common.testing.builders import TESTER, ATeam, a_key, a_team
from services.console.app import create_app
from services.console.settings import ConsoleSettings

AMAL = {"email": " Amal@Example.GOV", "phone_number": "07700 900123", "role": "admin"}


@pytest.fixture
async def team(db: Database, crypto: Crypto) -> ATeam:
    return await a_team(db, crypto)


@pytest.fixture
async def client(database_url: str, redis_url: str, keyring: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = ConsoleSettings(
        database_url=database_url,
        redis_url=redis_url,
        keys=keyring,
        database_pool_size=3,
        log_level="error",
        notify_url="http://127.0.0.1:1",
    )
    async with create_app(settings).running() as app:
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5000))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://console") as made:
            yield made


def bearer(secret: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", **more}


def path(team: ATeam) -> str:
    return f"/v1/services/{team.service_id}/members"


async def operator_token(db: Database, team: ATeam | None, audience: str, scopes: list[str]) -> str:
    async with db.transaction() as tx:
        minted = await operators.open_session(
            tx,
            TESTER,
            b"k" * 32,
            operator="j.smith",
            service_id=team.service_id if team else None,
            scopes=scopes,
            audience=audience,
        )
    return minted.token


async def test_member_is_added_listed_and_removed(client: httpx.AsyncClient, team: ATeam, db: Database) -> None:
    added = await client.post(path(team), json=AMAL, headers=bearer(team.live))
    assert added.status_code == 201
    member = added.json()
    assert (member["email"], member["phone_number"], member["role"]) == ("amal@example.gov", "447700900123", "admin")
    assert (await client.get(path(team), headers=bearer(team.live))).json() == {"members": [member]}
    gone = await client.delete(f"{path(team)}/{member['id']}", headers=bearer(team.live))
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.delete(f"{path(team)}/{member['id']}", headers=bearer(team.live))).status_code == 404
    async with db.reading() as tx:
        events = [event for event in await list_events(tx, "platform") if ":member:" in event.action]
        blob = await tx.fetchval("select personal from platform.members")
    assert [event.action for event in events] == [Action.MEMBER_ADD, Action.MEMBER_READ, Action.MEMBER_REMOVE]
    assert {(event.actor_kind, event.source) for event in events} == {("key", "192.0.2.7")}
    assert blob == b""


async def test_member_is_added_once(client: httpx.AsyncClient, team: ATeam) -> None:
    headers = bearer(team.live, **{"Idempotency-Key": "a"})
    first = await client.post(path(team), json=AMAL, headers=headers)
    again = await client.post(path(team), json=AMAL, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    other = await client.post(path(team), json={**AMAL, "role": "editor"}, headers=headers)
    assert (other.status_code, other.json()["kind"]) == (409, "idempotency-key-reused")
    unkeyed = await client.post(path(team), json=AMAL, headers=bearer(team.live))
    assert (unkeyed.status_code, unkeyed.json()["kind"]) == (409, "already-member")
    await client.delete(f"{path(team)}/{first.json()['id']}", headers=bearer(team.live))
    late = await client.post(path(team), json=AMAL, headers=headers)
    assert (late.status_code, late.json()["kind"]) == (409, "member-removed")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"phone_number": "12"}, "phone_number"),
        ({"role": "king"}, "role"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_wrong_field_is_named_and_its_value_not_repeated(
    client: httpx.AsyncClient, team: ATeam, changed: dict[str, str], field: str
) -> None:
    refused = await client.post(path(team), json={**AMAL, **changed}, headers=bearer(team.live))
    assert refused.status_code == 400
    assert refused.json()["faults"][0]["field"] == field
    assert "nobody" not in refused.text


async def test_key_of_another_service_finds_nothing(
    client: httpx.AsyncClient, team: ATeam, db: Database, crypto: Crypto
) -> None:
    stranger = await a_team(db, crypto)
    for method in ("GET", "POST"):
        refused = await client.request(method, path(team), json=AMAL, headers=bearer(stranger.live))
        assert refused.status_code == 404
    assert (await client.get(path(team))).status_code == 401


async def test_scope_is_needed(client: httpx.AsyncClient, team: ATeam, db: Database, crypto: Crypto) -> None:
    reader = await a_key(db, crypto, team.service_id, scopes=["platform:read"])
    assert (await client.get(path(team), headers=bearer(reader.secret))).status_code == 200
    refused = await client.post(path(team), json=AMAL, headers=bearer(reader.secret))
    assert (refused.status_code, refused.json()["kind"]) == (403, "scope-missing")


@pytest.mark.parametrize(("audience", "status"), [("console", 200), ("*", 200), ("notify", 403)])
async def test_operator_token_must_be_for_the_console(
    client: httpx.AsyncClient, team: ATeam, db: Database, audience: str, status: int
) -> None:
    token = await operator_token(db, team, audience, ["platform:read"])
    assert (await client.get(path(team), headers=bearer(token))).status_code == status


async def test_operator_reaches_only_the_service_of_the_token(
    client: httpx.AsyncClient, team: ATeam, db: Database, crypto: Crypto
) -> None:
    other = await a_team(db, crypto)
    token = await operator_token(db, other, "console", ["platform:read"])
    assert (await client.get(path(team), headers=bearer(token))).status_code == 404
    everywhere = bearer(await operator_token(db, None, "console", ["platform:read"]))
    assert (await client.get(path(team), headers=everywhere)).status_code == 200
    assert (await client.get(f"/v1/services/{uuid4()}/members", headers=everywhere)).status_code == 404
    async with db.reading() as tx:
        (event,) = await list_events(tx, "platform", action=Action.MEMBER_READ)
    assert (event.actor_kind, event.actor) == ("operator", "j.smith")


async def test_page_says_what_runs_where_under_a_strict_policy(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in page.text
    assert 'style="' not in page.text
    assert "http://127.0.0.1:1/docs/api" in page.text
    assert "Not answering" in page.text
    assert page.text.count("Not part of this installation") == 3


async def test_status_and_reference_are_there(client: httpx.AsyncClient) -> None:
    status: dict[str, Any] = (await client.get("/_status")).json()
    assert (status["status"], status["database"]) == ("ok", "ok")
    document = (await client.get("/openapi.json")).json()
    assert "/v1/services/{service_id}/members" in document["paths"]
    assert "/" not in document["paths"]
