"""Things that tests of Notify need to stand on, made through the same flows as its API uses."""

from __future__ import annotations

from uuid import UUID

from common.crypto import Crypto
from common.db import Database
from common.tenancy import flow as tenancy
from common.tenancy.contacts import read_contact
from common.testing.builders import TESTER
from services.notify.configuration import flow as configuration
from services.notify.configuration.flow import GuestList
from services.notify.configuration.rules import Kind, SettingsChange
from services.notify.templates import flow as templates
from services.notify.templates.rules import Channel, Lane, NewTemplate, TemplateChange


async def a_template(
    db: Database,
    service_id: UUID,
    channel: Channel = "sms",
    *,
    content: str = "Hello ((name))",
    subject: str | None = None,
    name: str = "Reminder",
    lane: Lane = "normal",
    has_unsubscribe_link: bool = False,
) -> UUID:
    """A template of the service; an e-mail's subject is `About ((name))` unless told."""
    if channel == "email" and subject is None:
        subject = "About ((name))"
    new = NewTemplate(
        type=channel,
        name=name,
        content=content,
        subject=subject,
        lane=lane,
        has_unsubscribe_link=has_unsubscribe_link,
    )
    async with db.transaction() as tx:
        row = await templates.create_template(tx, TESTER, service_id, new, author="tests")
    return row.template_id


async def a_new_version(db: Database, service_id: UUID, template_id: UUID, content: str) -> int:
    """Edit a template; gives the new version's number."""
    change = TemplateChange(content=content)
    async with db.transaction() as tx:
        row = await templates.update_template(tx, TESTER, service_id, template_id, change, author="tests")
    return row.version


async def archive(db: Database, service_id: UUID, template_id: UUID) -> None:
    """Take a template out of use."""
    async with db.transaction() as tx:
        await templates.archive_template(tx, TESTER, service_id, template_id)


async def with_settings(db: Database, service_id: UUID, change: SettingsChange) -> None:
    """Change a service's settings."""
    async with db.transaction() as tx:
        await configuration.update_settings(tx, TESTER, service_id, change)


async def a_reply_to(db: Database, service_id: UUID, address: str) -> UUID:
    """A reply-to address; the first becomes the default."""
    async with db.transaction() as tx:
        return (await configuration.add_origin(tx, TESTER, Kind.REPLY_TO, service_id, address)).id


async def an_sms_sender(db: Database, service_id: UUID, sender: str) -> UUID:
    """A text's sender; the first becomes the default."""
    async with db.transaction() as tx:
        return (await configuration.add_origin(tx, TESTER, Kind.SMS_SENDER, service_id, sender)).id


async def archive_sms_sender(db: Database, service_id: UUID, sender_id: UUID) -> None:
    """Take a text's sender out of use."""
    async with db.transaction() as tx:
        await configuration.archive_origin(tx, TESTER, Kind.SMS_SENDER, service_id, sender_id)


async def with_guests(
    db: Database, crypto: Crypto, service_id: UUID, *, emails: list[str] | None = None, phones: list[str] | None = None
) -> None:
    """Set the guest list of a service."""
    guests = GuestList(emails=emails or [], phone_numbers=phones or [])
    async with db.transaction() as tx:
        await configuration.replace_guests(tx, crypto, TESTER, service_id, guests)


async def a_member(db: Database, crypto: Crypto, service_id: UUID, email: str, phone: str | None = None) -> UUID:
    """A person of the service's team."""
    async with db.transaction() as tx:
        return await tenancy.add_member(tx, crypto, TESTER, service_id, read_contact(email, phone), "editor")
