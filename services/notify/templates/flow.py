"""What is done with templates. An edit makes the next version and changes none, so that what was sent stays known."""

from __future__ import annotations

from uuid import UUID

from common import clock, ids
from common.audit import Action, Actor, record
from common.db import Tx
from common.errors import Conflict
from common.http.idempotency import operation
from services.notify.errors import NoResultFound, TemplateArchived
from services.notify.once import Once, settle
from services.notify.templates import rules, store
from services.notify.templates.rules import NewTemplate, TemplateChange, Wording
from services.notify.templates.store import TemplateVersionRow

SCHEMA = "notify"
LARGEST_VERSION = 2_147_483_647  # PostgreSQL's integer
_CREATE = operation("templates:create")


class VersionConflict(Conflict):
    """The template was edited since the version that this change was made from."""

    status, kind, title = 409, "template-version-conflict", "The template was edited in between"

    def __init__(self, present: int) -> None:
        super().__init__(f"The template is at version {present} now. Read it, and make the change again.")


def _facts(version: int, wording: Wording) -> dict[str, object]:
    """A version for the audit log; its words stand in the version itself."""
    return {"version": version, "lane": wording.lane, "has_unsubscribe_link": wording.has_unsubscribe_link}


async def create_template(
    tx: Tx, who: Actor, service_id: UUID, new: NewTemplate, *, author: str, wanted: Once | None = None
) -> TemplateVersionRow:
    """Make a template; it can be used at once.

    author: shown as `created_by`: an operator's name or a key's. wanted: the caller's Idempotency-Key; an earlier
    request with it gives its template as it was made. Raises IdempotencyKeyReused.
    """
    claimed = await settle(tx, wanted, service_id, _CREATE, ids.uuid7())
    if claimed.is_new:
        wording = Wording(
            name=new.name,
            subject=new.subject,
            content=new.content,
            lane=new.lane,
            has_unsubscribe_link=new.has_unsubscribe_link,
        )
        await store.add(tx, service_id, claimed.resource_id, new.type, wording, by=author, at=clock.now())
        await record(
            tx,
            SCHEMA,
            action=Action.NOTIFY_TEMPLATE_CREATE,
            who=who,
            subject_id=claimed.resource_id,
            service_id=service_id,
            after={"type": new.type, **_facts(1, wording)},
        )
    return await read_template(tx, service_id, claimed.resource_id, 1)


async def update_template(
    tx: Tx, who: Actor, service_id: UUID, template_id: UUID, change: TemplateChange, *, author: str
) -> TemplateVersionRow:
    """Make the next version; a change that changes nothing makes none.

    Raises NoResultFound, TemplateArchived, VersionConflict (another edit came in between).
    """
    before = await store.current_locked(tx, service_id, template_id)
    if before is None:
        raise NoResultFound
    if before.archived_at is not None:
        raise TemplateArchived
    if isinstance(change.version, int) and change.version != before.version:
        raise VersionConflict(before.version)
    after = rules.changed(before.wording, change)
    fields = rules.differences(before.wording, after)
    if not fields:
        return before
    number = before.version + 1
    await store.add_version(tx, service_id, template_id, number, after, by=author, at=clock.now())
    await record(
        tx,
        SCHEMA,
        action=Action.NOTIFY_TEMPLATE_UPDATE,
        who=who,
        subject_id=template_id,
        service_id=service_id,
        before=_facts(before.version, before.wording),
        after={**_facts(number, after), "changed": fields},
    )
    return await read_template(tx, service_id, template_id)


async def archive_template(tx: Tx, who: Actor, service_id: UUID, template_id: UUID) -> None:
    """Take a template out of use. It can still be read, and what was sent from it stays. Raises NoResultFound."""
    row = await store.current_locked(tx, service_id, template_id)
    if row is None:
        raise NoResultFound
    if row.archived_at is not None:
        return
    await store.archive(tx, service_id, template_id, clock.now())
    await record(
        tx,
        SCHEMA,
        action=Action.NOTIFY_TEMPLATE_ARCHIVE,
        who=who,
        subject_id=template_id,
        service_id=service_id,
        before=_facts(row.version, row.wording),
    )


async def read_template(tx: Tx, service_id: UUID, template_id: UUID, version: int = 0) -> TemplateVersionRow:
    """A version of a template, archived or not. version: 0 for the present one. Raises NoResultFound."""
    row = None
    if version == 0:
        row = await store.current(tx, service_id, template_id)
    elif 1 <= version <= LARGEST_VERSION:
        row = await store.version(tx, service_id, template_id, version)
    if row is None:
        raise NoResultFound
    return row


async def list_templates(tx: Tx, service_id: UUID, channel: str | None = None) -> list[TemplateVersionRow]:
    """The templates in use, by name and type. channel: None for all; one that has none gives an empty list."""
    return await store.templates(tx, service_id, channel)


async def list_versions(tx: Tx, service_id: UUID, template_id: UUID) -> list[TemplateVersionRow]:
    """A template's history, newest first. Raises NoResultFound."""
    rows = await store.versions(tx, service_id, template_id)
    if not rows:
        raise NoResultFound
    return rows
