"""`colonnade notify guest-list …`"""

from __future__ import annotations

import click

from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.crypto import Crypto
from common.db import Tx
from common.tenancy.flow import find_service
from services.notify.configuration import flow

group = Group("guest-list", help="Whom a service in trial, or a team key, may write to besides the team.")


@group.command("show")
@click.argument("service")
@pass_session
def show(session: Session, service: str) -> None:
    """Show the guest list of SERVICE (id or name): a reading of personal data, which is audited."""

    async def work(tx: Tx, crypto: Crypto) -> flow.GuestList:
        return await flow.read_guests(tx, crypto, session.who, (await find_service(tx, service)).id)

    session.show(session.sealing(work))


@group.command("set")
@click.argument("service")
@click.option("--email", "emails", multiple=True, help="An address (several: repeat; at most five).")
@click.option("--phone", "phones", multiple=True, help="A telephone number (several: repeat; at most five).")
@pass_session
def set_(session: Session, service: str, emails: tuple[str, ...], phones: tuple[str, ...]) -> None:
    """Set the whole guest list of SERVICE; without options it is emptied."""
    wanted = flow.GuestList(emails=list(emails), phone_numbers=list(phones))

    async def work(tx: Tx, crypto: Crypto) -> flow.GuestList:
        return await flow.replace_guests(tx, crypto, session.who, (await find_service(tx, service)).id, wanted)

    session.show(session.sealing(work))
