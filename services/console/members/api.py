"""Routes of a service's team, for its own keys and for operators."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from common import ids
from common.auth import Principal, ServiceKey
from common.db import Tx
from common.errors import Conflict, NotFound
from common.http.idempotency import Claim, checked_key, claim, operation
from common.tenancy import flow, store
from common.tenancy.contacts import Contact, read_contact
from services.console.context import Call, Context, actor, allowed, context_of
from services.console.members import wire

_READ, _CHANGE = "platform:read", "platform:members"
_TAGS = ["Members"]
_ADD = operation("members:add")


class MemberGone(Conflict):
    """The Idempotency-Key added a member who was removed since."""

    status, kind, title = 409, "member-removed", "The member was removed since"


def _member(row: store.MemberRow, contact: Contact) -> wire.Member:
    return wire.Member(
        id=row.id,
        email=contact.email,
        phone_number=contact.phone,
        role=msgspec.convert(row.role, flow.Role),
        created_at=row.created_at,
    )


@get("/v1/services/{service_id:uuid}/members", operation_id="ListMembers", tags=_TAGS)
async def list_members(request: Call, service_id: FromPath[UUID]) -> wire.Members:
    """Everybody who works for the service, with how they are reached. Reading it is audited."""
    who = await allowed(request, service_id, _READ)
    context = context_of(request)
    async with context.database.transaction() as tx:
        found = await flow.list_members(tx, context.crypto, actor(who, request), service_id)
    return wire.Members(members=[_member(row, contact) for row, contact in found])


async def _claim(tx: Tx, request: Call, who: Principal, service_id: UUID, new: wire.NewMember) -> Claim:
    """The id of the member to add, or that of the one which an earlier request with this Idempotency-Key added."""
    key, member_id = checked_key(request.headers.get("idempotency-key")), ids.uuid7()
    if key is None:
        return Claim(member_id, is_new=True)
    return await claim(
        tx,
        store.SCHEMA,
        service_id=service_id,
        mode=who.mode if isinstance(who, ServiceKey) else "live",
        operation=_ADD,
        key=key,
        request_hash=context_of(request).crypto.request_hash(msgspec.json.encode(new)),
        resource_id=member_id,
    )


async def _added(tx: Tx, context: Context, service_id: UUID, member_id: UUID) -> wire.Member:
    try:
        row = await flow.read_member(tx, service_id, member_id)
    except NotFound:
        raise MemberGone("This Idempotency-Key added a member who was removed since.") from None
    return _member(row, flow.open_contact(context.crypto, row))


@post("/v1/services/{service_id:uuid}/members", operation_id="AddMember", tags=_TAGS)
async def add_member(request: Call, service_id: FromPath[UUID], data: JSONBody[wire.NewMember]) -> wire.Member:
    """Add a person to the team. Honours `Idempotency-Key`."""
    who = await allowed(request, service_id, _CHANGE)
    context = context_of(request)
    contact = read_contact(data.email, data.phone_number, region=context.settings.default_region)
    async with context.database.transaction() as tx:
        claimed = await _claim(tx, request, who, service_id, data)
        if claimed.is_new:
            acting = actor(who, request)
            await flow.add_member(
                tx, context.crypto, acting, service_id, contact, data.role, member_id=claimed.resource_id
            )
        return await _added(tx, context, service_id, claimed.resource_id)


@delete("/v1/services/{service_id:uuid}/members/{member_id:uuid}", operation_id="RemoveMember", tags=_TAGS)
async def remove_member(request: Call, service_id: FromPath[UUID], member_id: FromPath[UUID]) -> None:
    """Take a person off the team and forget how they are reached."""
    who = await allowed(request, service_id, _CHANGE)
    async with context_of(request).database.transaction() as tx:
        await flow.remove_member(tx, actor(who, request), service_id, member_id)


ROUTES = [list_members, add_member, remove_member]
