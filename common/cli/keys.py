"""`colonnade key …`"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import click

from common import clock
from common.auth.principals import KeyType
from common.auth.scopes import default_scopes
from common.cli.command import Group, pass_session
from common.cli.parameters import SPAN, WORDS
from common.cli.session import Session
from common.crypto import Crypto
from common.db import Tx
from common.tenancy import flow, keys, store

_COLUMNS = ("id", "name", "type", "state", "scopes", "created_at", "expires_at")

group = Group("key", help="API keys. A key is shown once, when it is issued.")

_SCOPES_HELP = f"Separated by commas; {','.join(default_scopes('live'))} unless given (team, test: without templates)."


def state_of(key: store.KeyRow) -> str:
    """active | expiring (it has an end) | expired | revoked"""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "active"
    return "expired" if key.expires_at <= clock.now() else "expiring"


def _facts(key: store.KeyRow) -> dict[str, Any]:
    return {
        "id": key.id,
        "service_id": key.service_id,
        "name": key.name,
        "type": key.type,
        "state": state_of(key),
        "scopes": key.scopes,
        "networks": key.networks,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _show_once(session: Session, issued: flow.NewKey) -> None:
    session.show({**_facts(issued.key), "key": issued.secret})
    if not session.is_json:
        click.echo("\nKeep the key now: it is not shown again. It works as it stands:", err=True)
        click.echo(f"  curl -H 'Authorization: Bearer {issued.secret}' $NOTIFY_URL/v2/templates", err=True)


@group.command("issue")
@click.argument("service")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--type", "key_type", type=click.Choice(get_args(KeyType)), required=True)
@click.option(
    "--scopes",
    type=WORDS,
    help=f"Separated by commas; {','.join(default_scopes('live'))} unless given (no templates for team and test).",
)
@click.option("--expires-in", type=SPAN, help="A span such as 30d; without it the key does not expire.")
@click.option("--network", "networks", multiple=True, help="Network the key may be used from (several: repeat).")
@pass_session
def issue(
    session: Session,
    service: str,
    *,
    name: str,
    key_type: KeyType,
    scopes: list[str] | None,
    expires_in: timedelta | None,
    networks: tuple[str, ...],
) -> None:
    """Issue a key for SERVICE (id or name)."""

    async def work(tx: Tx, crypto: Crypto) -> flow.NewKey:
        found = await flow.find_service(tx, service)
        return await flow.issue_key(
            tx,
            crypto,
            session.who,
            found.id,
            name=name,
            key_type=key_type,
            scopes=scopes,
            expires_at=None if expires_in is None else clock.now() + expires_in,
            networks=list(networks),
        )

    _show_once(session, session.sealing(work))


@group.command("list")
@click.argument("service")
@pass_session
def list_(session: Session, service: str) -> None:
    """Show the keys of SERVICE, without their secrets."""

    async def work(tx: Tx) -> list[store.KeyRow]:
        return await keys.list_keys(tx, (await flow.find_service(tx, service)).id)

    session.show_rows("keys", [_facts(key) for key in session.transaction(work)], _COLUMNS)


@group.command("revoke")
@click.argument("service")
@click.argument("key_id", type=click.UUID)
@pass_session
def revoke(session: Session, service: str, key_id: UUID) -> None:
    """Revoke KEY_ID of SERVICE: refused everywhere within 2 seconds."""

    async def work(tx: Tx) -> store.KeyRow:
        found = await flow.find_service(tx, service)
        return await keys.revoke_key(tx, session.who, found.id, key_id)

    session.show(_facts(session.transaction(work)))


@group.command("rotate")
@click.argument("service")
@click.argument("key_id", type=click.UUID)
@click.option(
    "--overlap", type=SPAN, default="24h", show_default=True, help="How long both work; 0s: the old ends now."
)
@pass_session
def rotate(session: Session, service: str, key_id: UUID, overlap: timedelta) -> None:
    """Issue a key like KEY_ID of SERVICE; the old one expires once the overlap is over."""

    async def work(tx: Tx, crypto: Crypto) -> flow.NewKey:
        found = await flow.find_service(tx, service)
        return await keys.rotate_key(tx, crypto, session.who, found.id, key_id, overlap=overlap)

    _show_once(session, session.sealing(work))
