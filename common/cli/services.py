"""`colonnade service …`"""

from __future__ import annotations

from uuid import UUID

import click

from common.auth.principals import ServiceStatus
from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.db import Tx
from common.tenancy import flow, store

_COLUMNS = ("id", "name", "status", "created_at")

group = Group("service", help="Services: trial, live, suspended, archived.")

_reason = click.option("--reason", help="Why; stands in the audit log. No personal data.")


@group.command("create")
@click.argument("organisation")
@click.argument("name")
@click.option("--live", "is_live", is_flag=True, help="Begin live instead of in trial.")
@pass_session
def create(session: Session, organisation: str, name: str, is_live: bool) -> None:
    """Onboard a service of ORGANISATION (id or name)."""
    status: ServiceStatus = "live" if is_live else "trial"

    async def work(tx: Tx) -> store.ServiceRow:
        found = await flow.find_organisation(tx, organisation)
        return await flow.create_service(tx, session.who, found.id, name=name, status=status)

    session.show(session.transaction(work))


@group.command("list")
@click.option("--organisation", help="Only those of this organisation (id or name).")
@pass_session
def list_(session: Session, organisation: str | None) -> None:
    """Show services that are not archived."""

    async def work(tx: Tx) -> list[store.ServiceRow]:
        wanted: UUID | None = None
        if organisation is not None:
            wanted = (await flow.find_organisation(tx, organisation)).id
        return await store.services(tx, wanted)

    session.show_rows("services", session.transaction(work), _COLUMNS)


@group.command("show")
@click.argument("service")
@pass_session
def show(session: Session, service: str) -> None:
    """Show SERVICE (id or name)."""
    session.show(session.transaction(lambda tx: flow.find_service(tx, service)))


@group.command("update")
@click.argument("service")
@click.option("--name", required=True, help="New name.")
@pass_session
def update(session: Session, service: str, name: str) -> None:
    """Rename SERVICE (id or name)."""

    async def work(tx: Tx) -> store.ServiceRow:
        found = await flow.find_service(tx, service)
        return await flow.update_service(tx, session.who, found.id, name=name)

    session.show(session.transaction(work))


def _move(session: Session, service: str, status: ServiceStatus, reason: str | None) -> None:
    async def work(tx: Tx) -> store.ServiceRow:
        found = await flow.find_service(tx, service)
        return await flow.update_service(tx, session.who, found.id, status=status, reason=reason)

    session.show(session.transaction(work))


@group.command("go-live")
@click.argument("service")
@_reason
@pass_session
def go_live(session: Session, service: str, reason: str | None) -> None:
    """Let SERVICE write to anyone, with live limits."""
    _move(session, service, "live", reason)


@group.command("suspend")
@click.argument("service")
@_reason
@pass_session
def suspend(session: Session, service: str, reason: str | None) -> None:
    """Refuse all calls of SERVICE until it is reopened."""
    _move(session, service, "suspended", reason)


@group.command("archive")
@click.argument("service")
@_reason
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def archive(session: Session, service: str, reason: str | None, yes: bool) -> None:
    """Close SERVICE for good: it cannot be opened again."""
    if not yes:
        click.confirm(f"Close {service} for good?", abort=True, err=True)
    _move(session, service, "archived", reason)


@group.command("reopen")
@click.argument("service")
@_reason
@pass_session
def reopen(session: Session, service: str, reason: str | None) -> None:
    """Give a suspended SERVICE back the state it had, trial or live."""

    async def work(tx: Tx) -> store.ServiceRow:
        found = await flow.find_service(tx, service)
        return await flow.reopen_service(tx, session.who, found.id, reason=reason)

    session.show(session.transaction(work))
