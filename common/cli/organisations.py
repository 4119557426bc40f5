"""`colonnade organisation …`"""

from __future__ import annotations

import click

from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.db import Tx
from common.tenancy import flow, store

_COLUMNS = ("id", "name", "colour", "created_at")

group = Group("organisation", help="Organisations: whose services use the suite.")


@group.command("create")
@click.argument("name")
@click.option("--colour", default="#1d4f91", show_default=True, help="Brand colour on e-mails and pages.")
@pass_session
def create(session: Session, name: str, colour: str) -> None:
    """Take on an organisation."""
    session.show(session.transaction(lambda tx: flow.create_organisation(tx, session.who, name=name, colour=colour)))


@group.command("list")
@pass_session
def list_(session: Session) -> None:
    """Show all organisations."""
    session.show_rows("organisations", session.transaction(store.organisations), _COLUMNS)


@group.command("update")
@click.argument("organisation")
@click.option("--name", help="New name.")
@click.option("--colour", help="New brand colour.")
@pass_session
def update(session: Session, organisation: str, name: str | None, colour: str | None) -> None:
    """Rename ORGANISATION (id or name) or change its colour."""

    async def work(tx: Tx) -> store.OrganisationRow:
        found = await flow.find_organisation(tx, organisation)
        return await flow.update_organisation(tx, session.who, found.id, name=name, colour=colour)

    session.show(session.transaction(work))
