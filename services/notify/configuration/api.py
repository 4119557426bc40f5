"""Routes of a service's configuration (/v1), for keys with the scope and for operators, who name the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.datastructures import State
from litestar.params import FromPath

from common.audit import Action, list_events
from common.auth import Operator, Principal
from common.auth.principals import Service, require
from common.errors import InvalidInput
from services.notify.callers import actor, caller, service_of
from services.notify.configuration import flow, rules, wire
from services.notify.configuration.rules import Kind, SettingsChange
from services.notify.configuration.store import OriginRow
from services.notify.context import Context
from services.notify.described import takes
from services.notify.once import once
from services.notify.tenants import service_for

_READ = "notify:read"
_CHANGE = "notify:settings"
_OPERATE = "notify:operate"
_TAGS = ["Configuration"]
_LAST_POSITION = 2**63 - 1
_MOST_EVENTS = 1000

Call = Request[Any, Any, State]


async def _allowed(request: Call, scope: str) -> tuple[Context, Principal, Service]:
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    require(who, scope)
    return context, who, await service_for(who, request, context)


# settings ------------------------------------------------------------------


def _settings(service: Service, settings: rules.Settings) -> wire.Settings:
    now = rules.limits_for(service.status, settings)
    return wire.Settings(
        service_id=service.id,
        **{**msgspec.structs.asdict(settings), "channels": sorted(settings.channels)},
        effective=wire.EffectiveLimits(
            rate_limit_per_minute=now.rate_per_minute,
            daily_email=now.daily_email,
            daily_sms=now.daily_sms,
            daily_international_sms=now.daily_international_sms,
        ),
    )


@get("/v1/settings", operation_id="GetSettings", tags=_TAGS)
async def get_settings(request: Call) -> wire.Settings:
    """How the service sends, and within which limits."""
    context, _, service = await _allowed(request, _READ)
    async with context.database.reading() as tx:
        return _settings(service, await flow.read_settings(tx, service.id))


@patch("/v1/settings", operation_id="UpdateSettings", operation_class=takes(SettingsChange), tags=_TAGS)
async def update_settings(request: Call) -> wire.Settings:
    """Change settings; limits need the scope notify:operate."""
    context, who, service = await _allowed(request, _CHANGE)
    change = wire.read(SettingsChange, await request.body())
    if not rules.OPERATORS.isdisjoint(change.given):
        require(who, _OPERATE)
    async with context.database.transaction() as tx:
        settings = await flow.update_settings(tx, actor(who, request), service.id, change)
    context.setups.forget(service.id)
    return _settings(service, settings)


# reply-to addresses and text senders ---------------------------------------


def _reply_to(row: OriginRow) -> wire.ReplyTo:
    return wire.ReplyTo(id=row.id, address=row.value, is_default=row.is_default, created_at=row.created_at)


def _sms_sender(row: OriginRow) -> wire.SmsSender:
    return wire.SmsSender(id=row.id, sender=row.value, is_default=row.is_default, created_at=row.created_at)


async def _list(request: Call, kind: Kind) -> list[OriginRow]:
    context, _, service = await _allowed(request, _READ)
    async with context.database.reading() as tx:
        return await flow.list_origins(tx, kind, service.id)


async def _add(request: Call, kind: Kind) -> OriginRow:
    context, who, service = await _allowed(request, _CHANGE)
    raw = await request.body()
    wanted = once(request, who, raw, context.crypto)
    value, is_default = wire.read_new_origin(kind, raw)
    async with context.database.transaction() as tx:
        row = await flow.add_origin(
            tx, actor(who, request), kind, service.id, value, is_default=is_default, wanted=wanted
        )
    context.setups.forget(service.id)
    return row


async def _change(request: Call, kind: Kind, origin_id: UUID) -> OriginRow:
    context, who, service = await _allowed(request, _CHANGE)
    value, is_default = wire.read_origin_change(kind, await request.body())
    async with context.database.transaction() as tx:
        row = await flow.update_origin(
            tx, actor(who, request), kind, service.id, origin_id, value=value, is_default=is_default
        )
    context.setups.forget(service.id)
    return row


async def _archive(request: Call, kind: Kind, origin_id: UUID) -> None:
    context, who, service = await _allowed(request, _CHANGE)
    async with context.database.transaction() as tx:
        await flow.archive_origin(tx, actor(who, request), kind, service.id, origin_id)
    context.setups.forget(service.id)


@get("/v1/reply-to-addresses", operation_id="ListReplyToAddresses", tags=_TAGS)
async def list_reply_to(request: Call) -> wire.ReplyToList:
    """Where answers to the service's e-mails go; one is the default."""
    return wire.ReplyToList([_reply_to(row) for row in await _list(request, Kind.REPLY_TO)])


@post(
    "/v1/reply-to-addresses",
    operation_id="AddReplyToAddress",
    operation_class=takes(wire.NewReplyTo),
    tags=_TAGS,
)
async def add_reply_to(request: Call) -> wire.ReplyTo:
    """Add a reply-to address. Honours `Idempotency-Key`."""
    return _reply_to(await _add(request, Kind.REPLY_TO))


@patch(
    "/v1/reply-to-addresses/{origin_id:uuid}",
    operation_id="UpdateReplyToAddress",
    operation_class=takes(wire.ReplyToChange),
    tags=_TAGS,
)
async def update_reply_to(request: Call, origin_id: FromPath[UUID]) -> wire.ReplyTo:
    """Change a reply-to address, or make it the default."""
    return _reply_to(await _change(request, Kind.REPLY_TO, origin_id))


@delete("/v1/reply-to-addresses/{origin_id:uuid}", operation_id="ArchiveReplyToAddress", tags=_TAGS)
async def archive_reply_to(request: Call, origin_id: FromPath[UUID]) -> None:
    """Take a reply-to address out of use; the default only when it is the last."""
    await _archive(request, Kind.REPLY_TO, origin_id)


@get("/v1/sms-senders", operation_id="ListSmsSenders", tags=_TAGS)
async def list_sms_senders(request: Call) -> wire.SmsSenderList:
    """Whom the service's texts come from; one is the default."""
    return wire.SmsSenderList([_sms_sender(row) for row in await _list(request, Kind.SMS_SENDER)])


@post("/v1/sms-senders", operation_id="AddSmsSender", operation_class=takes(wire.NewSmsSender), tags=_TAGS)
async def add_sms_sender(request: Call) -> wire.SmsSender:
    """Add a text sender. Honours `Idempotency-Key`."""
    return _sms_sender(await _add(request, Kind.SMS_SENDER))


@patch(
    "/v1/sms-senders/{origin_id:uuid}",
    operation_id="UpdateSmsSender",
    operation_class=takes(wire.SmsSenderChange),
    tags=_TAGS,
)
async def update_sms_sender(request: Call, origin_id: FromPath[UUID]) -> wire.SmsSender:
    """Change a text sender, or make it the default."""
    return _sms_sender(await _change(request, Kind.SMS_SENDER, origin_id))


@delete("/v1/sms-senders/{origin_id:uuid}", operation_id="ArchiveSmsSender", tags=_TAGS)
async def archive_sms_sender(request: Call, origin_id: FromPath[UUID]) -> None:
    """Take a text sender out of use; the default only when it is the last."""
    await _archive(request, Kind.SMS_SENDER, origin_id)


# guest list ----------------------------------------------------------------


@get("/v1/guest-list", operation_id="GetGuestList", tags=_TAGS)
async def get_guest_list(request: Call) -> wire.GuestList:
    """Whom a service in trial may write to besides its team. An operator's reading is audited."""
    context, who, service = await _allowed(request, _READ)
    async with context.database.transaction() as tx:
        guests = await flow.read_guests(tx, context.crypto, actor(who, request), service.id)
    return wire.GuestList(emails=guests.emails, phone_numbers=guests.phone_numbers)


@put("/v1/guest-list", operation_id="ReplaceGuestList", operation_class=takes(wire.GuestList), tags=_TAGS)
async def replace_guest_list(request: Call) -> wire.GuestList:
    """Set the whole guest list."""
    context, who, service = await _allowed(request, _CHANGE)
    body = wire.read(wire.GuestList, await request.body())
    wanted = flow.GuestList(emails=body.emails, phone_numbers=body.phone_numbers)
    async with context.database.transaction() as tx:
        guests = await flow.replace_guests(tx, context.crypto, actor(who, request), service.id, wanted)
    context.setups.forget(service.id)
    return wire.GuestList(emails=guests.emails, phone_numbers=guests.phone_numbers)


# audit log -----------------------------------------------------------------


async def _audited(request: Call) -> tuple[Context, UUID | None]:
    """Whose events the caller may read: its own service's, or (None) all for an operator whose token reaches all."""
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    if not isinstance(who, Operator):
        if _OPERATE not in who.scopes:
            require(who, _CHANGE)
        return context, who.service_id
    require(who, _OPERATE)
    if who.service_id is None and "service_id" not in request.query_params:
        return context, None
    return context, service_of(who, request)


def _action(text: str | None) -> Action | None:
    try:
        return None if text is None else Action(text)
    except ValueError:
        raise InvalidInput([{"field": "action", "message": "is not an action that is audited"}]) from None


def _subject(text: str | None) -> str | None:
    if text is not None and "\0" in text:  # PostgreSQL refuses it in text
        raise InvalidInput([{"field": "subject_id", "message": "must not contain NUL characters"}])
    return text


@get("/v1/audit-events", operation_id="ListAuditEvents", tags=["Audit"])
async def list_audit_events(request: Call) -> wire.AuditEvents:
    """What was done to configuration, and who read personal data; oldest first, `limit` from position `after` on."""
    context, service_id = await _audited(request)
    query = request.query_params
    limit = wire.read_number(query.get("limit"), "limit", default=100, low=1, high=_MOST_EVENTS)
    after = wire.read_number(query.get("after"), "after", default=0, low=0, high=_LAST_POSITION)
    async with context.database.reading() as tx:
        events = await list_events(
            tx,
            flow.SCHEMA,
            service_id=service_id,
            after_position=after,
            limit=limit,
            action=_action(query.get("action")),
            subject_id=_subject(query.get("subject_id")),
        )
    shown = [wire.AuditEvent(**msgspec.structs.asdict(event)) for event in events]
    return wire.AuditEvents(events=shown, next=events[-1].position if len(events) == limit else None)


ROUTES = [
    get_settings,
    update_settings,
    list_reply_to,
    add_reply_to,
    update_reply_to,
    archive_reply_to,
    list_sms_senders,
    add_sms_sender,
    update_sms_sender,
    archive_sms_sender,
    get_guest_list,
    replace_guest_list,
    list_audit_events,
]
