"""`colonnade operator …`: tokens for people, until the console signs them in."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import click

from common.cli.command import Group, pass_session
from common.cli.parameters import SPAN, WORDS
from common.cli.session import Session
from common.db import Tx
from common.tenancy import flow, operators

group = Group("operator", help="Operators' tokens: short-lived, for one component.")


@group.command("token")
@click.option("--operator", required=True, help="Whose token: a name such as j.smith.")
@click.option("--service", required=True, help="Service (id or name), or * for all.")
@click.option("--scope", "scopes", type=WORDS, required=True, help="Scopes, separated by commas.")
@click.option("--audience", default="notify", show_default=True, help="Component it is for, or * for all.")
@click.option("--valid", type=SPAN, default="300s", show_default=True, help="How long it works, at most 300s.")
@pass_session
def token(session: Session, *, operator: str, service: str, scopes: list[str], audience: str, valid: timedelta) -> None:
    """Mint a token, signed with OPERATOR_SIGNING_KEY."""
    signing_key = session.signing_key

    async def work(tx: Tx) -> operators.OperatorToken:
        return await operators.open_session(
            tx,
            session.who,
            signing_key,
            operator=operator,
            service_id=None if service == "*" else (await flow.find_service(tx, service)).id,
            scopes=scopes,
            audience=audience,
            valid_s=int(valid.total_seconds()),
        )

    session.show(session.transaction(work))


@group.command("revoke")
@click.argument("session_id", type=click.UUID)
@pass_session
def revoke(session: Session, session_id: UUID) -> None:
    """End SESSION_ID: its tokens are refused everywhere within 2 seconds."""
    session.transaction(lambda tx: operators.end_session(tx, session.who, session_id))
    session.show({"session_id": session_id, "revoked": True})


@group.command("new-key")
@pass_session
def new_key(session: Session) -> None:
    """Print a fresh signing key, for OPERATOR_SIGNING_KEY_FILE (keep that file 0600)."""
    key = operators.new_signing_key()
    if session.is_json:
        session.show({"operator_signing_key": key})
    else:
        click.echo(key)
