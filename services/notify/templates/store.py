"""The SQL of templates and their versions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from common.db import Tx, many, maybe
from services.notify.templates.rules import Channel, Lane, Wording


class TemplateVersionRow(Struct, frozen=True):
    """One version of a template, with what is true of the template as a whole.

    created_at: the template's beginning; updated_at: when this version was made, None for the first.
    """

    template_id: UUID
    version: int
    service_id: UUID
    channel: Channel
    name: str
    subject: str | None
    content: str
    lane: Lane
    has_unsubscribe_link: bool
    created_at: datetime
    updated_at: datetime | None
    created_by: str
    archived_at: datetime | None

    @property
    def wording(self) -> Wording:
        return Wording(
            name=self.name,
            subject=self.subject,
            content=self.content,
            lane=self.lane,
            has_unsubscribe_link=self.has_unsubscribe_link,
        )


_COLUMNS = """t.id, v.version, t.service_id, t.channel, v.name, v.subject, v.content, v.lane, v.has_unsubscribe_link,
    t.created_at, case when v.version > 1 then v.created_at end, v.created_by, t.archived_at"""
_CURRENT = f"""
select {_COLUMNS}
from notify.templates t
join notify.template_versions v on v.template_id = t.id and v.version = t.version
where t.service_id = $1
  and t.id = $2
"""
_LOCK = """
select true
from notify.templates
where service_id = $1
  and id = $2
for update
"""
_VERSION = f"""
select {_COLUMNS}
from notify.templates t
join notify.template_versions v on v.template_id = t.id
where t.service_id = $1
  and t.id = $2
  and v.version = $3
"""
_VERSIONS = f"""
select {_COLUMNS}
from notify.templates t
join notify.template_versions v on v.template_id = t.id
where t.service_id = $1
  and t.id = $2
order by v.version desc
"""
_LIST = f"""
select {_COLUMNS}
from notify.templates t
join notify.template_versions v on v.template_id = t.id and v.version = t.version
where t.service_id = $1
  and t.archived_at is null
  and ($2::text is null or t.channel = $2)
order by lower(v.name), v.name, t.channel, t.id
"""
_ADD = """
insert into notify.templates (id, service_id, channel, version, created_at)
values ($1, $2, $3, 1, $4)
"""
_ADD_VERSION = """
insert into notify.template_versions (template_id, version, service_id, name, subject, content, lane,
    has_unsubscribe_link, created_at, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_SET_CURRENT = """
update notify.templates
set version = $3
where service_id = $1
  and id = $2
"""
_ARCHIVE = """
update notify.templates
set archived_at = $3
where service_id = $1
  and id = $2
"""


async def current(tx: Tx, service_id: UUID, template_id: UUID) -> TemplateVersionRow | None:
    """The present version, also of an archived template."""
    return await maybe(tx, TemplateVersionRow, _CURRENT, service_id, template_id)


async def current_locked(tx: Tx, service_id: UUID, template_id: UUID) -> TemplateVersionRow | None:
    """The present version; no one else changes the template until the transaction ends."""
    # in two statements: one with `for update` would show the version that stood before it waited for the lock
    if await tx.fetchval(_LOCK, service_id, template_id) is None:
        return None
    return await current(tx, service_id, template_id)


async def version(tx: Tx, service_id: UUID, template_id: UUID, n: int) -> TemplateVersionRow | None:
    """Version n, counted from 1."""
    return await maybe(tx, TemplateVersionRow, _VERSION, service_id, template_id, n)


async def versions(tx: Tx, service_id: UUID, template_id: UUID) -> list[TemplateVersionRow]:
    """Every version, newest first."""
    return await many(tx, TemplateVersionRow, _VERSIONS, service_id, template_id)


async def templates(tx: Tx, service_id: UUID, channel: str | None) -> list[TemplateVersionRow]:
    """The present versions of what is not archived, by name and type. channel: None for all."""
    return await many(tx, TemplateVersionRow, _LIST, service_id, channel)


async def add(
    tx: Tx, service_id: UUID, template_id: UUID, channel: str, wording: Wording, *, by: str, at: datetime
) -> None:
    """Keep a new template with its first version."""
    await tx.execute(_ADD, template_id, service_id, channel, at)
    await _add_version(tx, service_id, template_id, 1, wording, by=by, at=at)


async def add_version(
    tx: Tx, service_id: UUID, template_id: UUID, n: int, wording: Wording, *, by: str, at: datetime
) -> None:
    """Keep version n and make it the present one."""
    await _add_version(tx, service_id, template_id, n, wording, by=by, at=at)
    await tx.execute(_SET_CURRENT, service_id, template_id, n)


async def _add_version(
    tx: Tx, service_id: UUID, template_id: UUID, n: int, wording: Wording, *, by: str, at: datetime
) -> None:
    await tx.execute(
        _ADD_VERSION,
        template_id,
        n,
        service_id,
        wording.name,
        wording.subject,
        wording.content,
        wording.lane,
        wording.has_unsubscribe_link,
        at,
        by,
    )


async def archive(tx: Tx, service_id: UUID, template_id: UUID, at: datetime) -> None:
    await tx.execute(_ARCHIVE, service_id, template_id, at)
