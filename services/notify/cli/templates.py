"""`colonnade template …`, which is `colonnade notify template …`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
import msgspec

from common.cli.command import Group, pass_session
from common.cli.session import Session, account
from common.db import Tx
from common.tenancy.flow import find_service
from services.notify.templates import flow, rules, wire
from services.notify.templates.store import TemplateVersionRow

_COLUMNS = ("id", "channel", "name", "version", "lane", "archived_at")

group = Group("template", help="Templates of a service.")

_content = click.option("--content", help="The text, with ((placeholders)).")
_content_file = click.option(
    "--content-file", type=click.File(encoding="utf-8"), help="Read the text here; - is stdin."
)
_lane = click.option("--lane", type=click.Choice(rules.LANES), help="How urgent its messages are.")


def _body(given: dict[str, Any], content: str | None, content_file: Any) -> bytes:
    if content is not None and content_file is not None:
        raise click.UsageError("Give --content or --content-file, not both.")
    if content_file is not None:
        content = content_file.read()
    return msgspec.json.encode({name: value for name, value in {**given, "body": content}.items() if value is not None})


@group.command("create")
@click.argument("service")
@click.option("--type", "channel", type=click.Choice(rules.CHANNELS), required=True)
@click.option("--name", required=True, help="What the team calls it.")
@click.option("--subject", help="Subject; e-mail only, and required there.")
@_content
@_content_file
@_lane
@click.option("--unsubscribe-link", is_flag=True, help="E-mails carry a one-click unsubscribe link.")
@pass_session
def create(
    session: Session,
    service: str,
    *,
    channel: str,
    name: str,
    subject: str | None,
    content: str | None,
    content_file: Any,
    lane: str | None,
    unsubscribe_link: bool,
) -> None:
    """Make a template for SERVICE (id or name)."""
    given = {
        "type": channel,
        "name": name,
        "subject": subject,
        "lane": lane,
        "has_unsubscribe_link": unsubscribe_link or None,
    }
    new = wire.read_new(_body(given, content, content_file))

    async def work(tx: Tx) -> TemplateVersionRow:
        found = await find_service(tx, service)
        return await flow.create_template(tx, session.who, found.id, new, author=account())

    session.show(session.transaction(work))


@group.command("update")
@click.argument("service")
@click.argument("template_id", type=click.UUID)
@click.option("--name", help="New name.")
@click.option("--subject", help="New subject.")
@_content
@_content_file
@_lane
@click.option("--unsubscribe-link/--no-unsubscribe-link", default=None, help="Carry a one-click unsubscribe link.")
@click.option("--version", type=click.IntRange(1), help="Only if this is still the present version.")
@pass_session
def update(
    session: Session,
    service: str,
    template_id: UUID,
    *,
    name: str | None,
    subject: str | None,
    content: str | None,
    content_file: Any,
    lane: str | None,
    unsubscribe_link: bool | None,
    version: int | None,
) -> None:
    """Change TEMPLATE_ID of SERVICE: a new version."""
    given = {
        "name": name,
        "subject": subject,
        "lane": lane,
        "has_unsubscribe_link": unsubscribe_link,
        "version": version,
    }
    body = _body(given, content, content_file)

    async def work(tx: Tx) -> TemplateVersionRow:
        found = await find_service(tx, service)
        present = await flow.read_template(tx, found.id, template_id)
        change = wire.read_change(body, present.channel)
        return await flow.update_template(tx, session.who, found.id, template_id, change, author=account())

    session.show(session.transaction(work))


@group.command("list")
@click.argument("service")
@click.option("--type", "channel", type=click.Choice(rules.CHANNELS), help="Only those of this channel.")
@pass_session
def list_(session: Session, service: str, channel: str | None) -> None:
    """Show the templates of SERVICE that are in use."""

    async def work(tx: Tx) -> list[TemplateVersionRow]:
        return await flow.list_templates(tx, (await find_service(tx, service)).id, channel)

    rows = [{"id": row.template_id, **msgspec.structs.asdict(row)} for row in session.transaction(work)]
    session.show_rows("templates", rows, _COLUMNS)


@group.command("show")
@click.argument("service")
@click.argument("template_id", type=click.UUID)
@click.option("--version", type=click.IntRange(1), help="Another version than the present one.")
@pass_session
def show(session: Session, service: str, template_id: UUID, version: int | None) -> None:
    """Show TEMPLATE_ID of SERVICE."""

    async def work(tx: Tx) -> TemplateVersionRow:
        return await flow.read_template(tx, (await find_service(tx, service)).id, template_id, version or 0)

    session.show(session.transaction(work))


@group.command("archive")
@click.argument("service")
@click.argument("template_id", type=click.UUID)
@pass_session
def archive(session: Session, service: str, template_id: UUID) -> None:
    """Take TEMPLATE_ID of SERVICE out of use."""

    async def work(tx: Tx) -> None:
        await flow.archive_template(tx, session.who, (await find_service(tx, service)).id, template_id)

    session.transaction(work)
    session.show({"template_id": template_id, "archived": True})
