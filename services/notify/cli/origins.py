"""`colonnade notify reply-to …` and `colonnade notify sms-sender …`"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.db import Tx
from common.tenancy.flow import find_service
from services.notify.configuration import flow
from services.notify.configuration.rules import Kind
from services.notify.configuration.store import OriginRow

_FIELD = {Kind.REPLY_TO: "address", Kind.SMS_SENDER: "sender"}
_LIST = {Kind.REPLY_TO: "reply_to_addresses", Kind.SMS_SENDER: "sms_senders"}


def _facts(kind: Kind, row: OriginRow) -> dict[str, Any]:
    return {"id": row.id, _FIELD[kind]: row.value, "is_default": row.is_default, "created_at": row.created_at}


def _add(group: Group, kind: Kind) -> None:
    @group.command("add", help=f"Add a {_FIELD[kind]} to SERVICE (id or name); the first is the default.")
    @click.argument("service")
    @click.argument("value", metavar=_FIELD[kind].upper())
    @click.option("--default", "is_default", is_flag=True, help="Make it the default.")
    @pass_session
    def add(session: Session, service: str, value: str, is_default: bool) -> None:
        async def work(tx: Tx) -> OriginRow:
            found = await find_service(tx, service)
            return await flow.add_origin(tx, session.who, kind, found.id, value, is_default=is_default)

        session.show(_facts(kind, session.transaction(work)))


def _list(group: Group, kind: Kind) -> None:
    @group.command("list", help="Show those of SERVICE that are in use.")
    @click.argument("service")
    @pass_session
    def list_(session: Session, service: str) -> None:
        async def work(tx: Tx) -> list[OriginRow]:
            return await flow.list_origins(tx, kind, (await find_service(tx, service)).id)

        rows = [_facts(kind, row) for row in session.transaction(work)]
        session.show_rows(_LIST[kind], rows, ("id", _FIELD[kind], "is_default", "created_at"))


def _archive(group: Group, kind: Kind) -> None:
    @group.command("archive", help="Take one out of use; the default only when it is the last.")
    @click.argument("service")
    @click.argument("origin_id", metavar="ID", type=click.UUID)
    @pass_session
    def archive(session: Session, service: str, origin_id: UUID) -> None:
        async def work(tx: Tx) -> None:
            await flow.archive_origin(tx, session.who, kind, (await find_service(tx, service)).id, origin_id)

        session.transaction(work)
        session.show({"id": origin_id, "archived": True})


def _group(name: str, kind: Kind, text: str) -> Group:
    group = Group(name, help=text)
    for add in (_add, _list, _archive):
        add(group, kind)
    return group


reply_to = _group("reply-to", Kind.REPLY_TO, "Where answers to a service's e-mails go.")
sms_sender = _group("sms-sender", Kind.SMS_SENDER, "Whom a service's texts come from.")
