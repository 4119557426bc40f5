"""`colonnade member …`"""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

import click

from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.crypto import Crypto
from common.db import Tx
from common.tenancy import flow
from common.tenancy.contacts import Contact, read_contact

group = Group("member", help="Who works for a service.")


@group.command("add")
@click.argument("service")
@click.option("--email", required=True, help="E-mail address.")
@click.option("--phone", help="Telephone number.")
@click.option("--role", type=click.Choice(get_args(flow.Role)), default="developer", show_default=True)
@pass_session
def add(session: Session, service: str, email: str, phone: str | None, role: flow.Role) -> None:
    """Add a person to the team of SERVICE (id or name)."""
    contact: Contact = read_contact(email, phone, region=session.settings.default_region)

    async def work(tx: Tx, crypto: Crypto) -> dict[str, Any]:
        found = await flow.find_service(tx, service)
        member_id = await flow.add_member(tx, crypto, session.who, found.id, contact, role)
        return {"id": member_id, "service_id": found.id, "role": role}

    session.show(session.sealing(work))


@group.command("list")
@click.argument("service")
@pass_session
def list_(session: Session, service: str) -> None:
    """Show the team of SERVICE: a reading of personal data, which is audited."""

    async def work(tx: Tx, crypto: Crypto) -> list[dict[str, Any]]:
        found = await flow.find_service(tx, service)
        return [
            {
                "id": row.id,
                "role": row.role,
                "email": contact.email,
                "phone_number": contact.phone,
                "created_at": row.created_at,
            }
            for row, contact in await flow.list_members(tx, crypto, session.who, found.id)
        ]

    session.show_rows("members", session.sealing(work), ("id", "role", "email", "phone_number", "created_at"))


@group.command("remove")
@click.argument("service")
@click.argument("member_id", type=click.UUID)
@pass_session
def remove(session: Session, service: str, member_id: UUID) -> None:
    """Take MEMBER_ID off the team of SERVICE and forget how they are reached."""

    async def work(tx: Tx) -> None:
        found = await flow.find_service(tx, service)
        await flow.remove_member(tx, session.who, found.id, member_id)

    session.transaction(work)
    session.show({"id": member_id, "removed": True})
