"""What is done with organisations, services, members and new keys. Every change is audited in its own transaction."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_network
from typing import Literal, get_args
from uuid import UUID, uuid4

import msgspec

from common import clock, ids
from common.audit import Action, Actor, list_events, record
from common.auth.directory import SECRET_TABLE
from common.auth.principals import KeyType, ServiceStatus
from common.auth.scopes import default_scopes, unknown
from common.crypto import Crypto
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.tenancy import store
from common.tenancy.contacts import Contact
from common.tenancy.names import read_name
from common.tenancy.states import MoveRefused, check_move

Role = Literal["admin", "developer", "editor", "caseworker", "finance"]
MEMBER_TABLE = "platform.members"
_COLOUR = re.compile(r"#[0-9a-f]{6}")


class NewKey(msgspec.Struct, frozen=True):
    """A key just issued. `secret` is the whole key string: shown this once, never again."""

    key: store.KeyRow
    secret: str


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text.lower()):
        raise InvalidInput([{"field": "colour", "message": "must look like #1d4f91"}])
    return text.lower()


async def create_organisation(tx: Tx, who: Actor, *, name: str, colour: str = "#1d4f91") -> store.OrganisationRow:
    """Take on an organisation. Raises InvalidInput, NameTaken.

    colour: its brand colour, shown on e-mails and pages.
    """
    async with store.unique("An organisation of this name exists."):
        row = await store.add_organisation(tx, ids.uuid7(), read_name(name), _colour(colour))
    after = {"name": row.name, "colour": row.colour}
    await record(
        tx,
        store.SCHEMA,
        action=Action.ORGANISATION_CREATE,
        who=who,
        subject_id=str(row.id),
        organisation_id=row.id,
        after=after,
    )
    return row


async def update_organisation(
    tx: Tx, who: Actor, organisation_id: UUID, *, name: str | None = None, colour: str | None = None
) -> store.OrganisationRow:
    """Rename an organisation or change its colour. Raises NotFound, InvalidInput, NameTaken."""
    before = await store.organisation(tx, organisation_id)
    if before is None:
        raise NotFound("There is no such organisation.")
    new_name = before.name if name is None else read_name(name)
    new_colour = before.colour if colour is None else _colour(colour)
    if (new_name, new_colour) == (before.name, before.colour):
        return before
    async with store.unique("An organisation of this name exists."):
        row = await store.update_organisation(tx, organisation_id, new_name, new_colour)
    await record(
        tx,
        store.SCHEMA,
        action=Action.ORGANISATION_UPDATE,
        who=who,
        subject_id=str(row.id),
        organisation_id=row.id,
        before={"name": before.name, "colour": before.colour},
        after={"name": row.name, "colour": row.colour},
    )
    return row


async def create_service(
    tx: Tx, who: Actor, organisation_id: UUID, *, name: str, status: ServiceStatus = "trial"
) -> store.ServiceRow:
    """Onboard a service; it begins in trial. Raises NotFound (organisation), InvalidInput, NameTaken."""
    if await store.organisation(tx, organisation_id) is None:
        raise NotFound("There is no such organisation.")
    async with store.unique("The organisation has a service of this name."):
        row = await store.add_service(tx, ids.uuid7(), organisation_id, read_name(name), status)
    await record(
        tx,
        store.SCHEMA,
        action=Action.SERVICE_CREATE,
        who=who,
        subject_id=str(row.id),
        service_id=row.id,
        organisation_id=organisation_id,
        after={"name": row.name, "status": row.status},
    )
    return row


def _move_action(before: str, after: str) -> Action:
    if after == "suspended":
        return Action.SERVICE_SUSPEND
    if after == "archived":
        return Action.SERVICE_ARCHIVE
    if before == "suspended":
        return Action.SERVICE_RESUME
    return Action.SERVICE_GO_LIVE if after == "live" else Action.SERVICE_UPDATE


async def update_service(
    tx: Tx,
    who: Actor,
    service_id: UUID,
    *,
    name: str | None = None,
    status: ServiceStatus | None = None,
    reason: str | None = None,
) -> store.ServiceRow:
    """Rename a service or move it (trial → live → suspended …); what changes nothing is no event.

    Raises NotFound, InvalidInput, NameTaken, MoveRefused.
    """
    before = await store.service(tx, service_id, for_update=True)
    if before is None:
        raise NotFound("There is no such service.")
    new_name, new_status = before.name if name is None else read_name(name), status or before.status
    if (new_name, new_status) == (before.name, before.status):
        return before
    action = Action.SERVICE_UPDATE
    if new_status != before.status:
        check_move(before.status, new_status)
        action = _move_action(before.status, new_status)
    async with store.unique("The organisation has a service of this name."):
        row = await store.update_service(tx, service_id, new_name, new_status)
    await record(
        tx,
        store.SCHEMA,
        action=action,
        who=who,
        subject_id=str(row.id),
        service_id=row.id,
        organisation_id=row.organisation_id,
        before={"name": before.name, "status": before.status},
        after={"name": row.name, "status": row.status},
        reason=reason,
    )
    return row


async def reopen_service(tx: Tx, who: Actor, service_id: UUID, *, reason: str | None = None) -> store.ServiceRow:
    """Give a suspended service back the state it had, as the audit log tells it; trial if it tells nothing.

    Raises NotFound, MoveRefused (it is not suspended).
    """
    service = await store.service(tx, service_id, for_update=True)
    if service is None:
        raise NotFound("There is no such service.")
    if service.status != "suspended":
        raise MoveRefused(f"The service is {service.status}, not suspended.")
    suspensions = await list_events(
        tx, store.SCHEMA, service_id=service_id, action=Action.SERVICE_SUSPEND, limit=1, newest_first=True
    )
    was_live = bool(suspensions) and (suspensions[0].before or {}).get("status") == "live"
    return await update_service(tx, who, service_id, status="live" if was_live else "trial", reason=reason)


async def find_service(tx: Tx, wanted: str) -> store.ServiceRow:
    """The service of this id or name, also an archived one by its id. Raises NotFound, Conflict (two of the name)."""
    try:
        row = await store.service(tx, UUID(wanted))
        named = [] if row is None else [row]
    except ValueError:
        named = await store.services_named(tx, wanted)
    if not named:
        raise NotFound("There is no such service.")
    if len(named) > 1:
        raise Conflict("Several services have this name: give the id.")
    return named[0]


async def find_organisation(tx: Tx, wanted: str) -> store.OrganisationRow:
    """The organisation of this id or name. Raises NotFound."""
    try:
        row = await store.organisation(tx, UUID(wanted))
    except ValueError:
        row = await store.organisation_named(tx, wanted)
    if row is None:
        raise NotFound("There is no such organisation.")
    return row


async def _known_service(tx: Tx, service_id: UUID) -> store.ServiceRow:
    """A service that is not archived. Raises NotFound."""
    row = await store.service(tx, service_id)
    if row is None or row.status == "archived":
        raise NotFound("There is no such service.")
    return row


def _check_role(role: str) -> None:
    if role not in get_args(Role):
        raise InvalidInput([{"field": "role", "message": f"must be one of {', '.join(get_args(Role))}"}])


class AlreadyMember(Conflict):
    """Somebody with this e-mail address works for the service already."""

    status, kind, title = 409, "already-member", "Already a member"


async def add_member(
    tx: Tx,
    crypto: Crypto,
    who: Actor,
    service_id: UUID,
    contact: Contact,
    role: Role,
    *,
    member_id: UUID | None = None,
) -> UUID:
    """Add a person to a service's team; returns the member's id (a new one unless given).

    contact: as `read_contact` gives it, since members may be written to in trial mode and are compared in that form.
    Raises NotFound, InvalidInput, AlreadyMember.
    """
    service = await _known_service(tx, service_id)
    _check_role(role)
    member_id = member_id or ids.uuid7()
    added = await store.add_member(
        tx,
        member_id,
        service_id,
        role,
        personal=crypto.seal(msgspec.msgpack.encode(contact), table=MEMBER_TABLE, row=member_id, service=service_id),
        email_index=crypto.index(service_id, contact.email),
        phone_index=crypto.index(service_id, contact.phone) if contact.phone else None,
    )
    if added is None:
        raise AlreadyMember("The service has a member with this e-mail address.")
    await record(
        tx,
        store.SCHEMA,
        action=Action.MEMBER_ADD,
        who=who,
        subject_id=str(member_id),
        service_id=service_id,
        organisation_id=service.organisation_id,
        after={"role": role},
    )
    return member_id


async def remove_member(tx: Tx, who: Actor, service_id: UUID, member_id: UUID) -> None:
    """Take a person off a service's team and forget how they are reached. Raises NotFound."""
    row = await store.remove_member(tx, service_id, member_id)
    if row is None:
        raise NotFound("The service has no such member.")
    await record(
        tx,
        store.SCHEMA,
        action=Action.MEMBER_REMOVE,
        who=who,
        subject_id=str(member_id),
        service_id=service_id,
        before={"role": row.role},
    )


def open_contact(crypto: Crypto, row: store.MemberRow) -> Contact:
    """How a member is reached; whoever shows it writes an audit event. Raises UnreadableBlob."""
    plain = crypto.open(row.personal, table=MEMBER_TABLE, row=row.id, service=row.service_id)
    return msgspec.msgpack.decode(plain, type=Contact)


async def read_member(tx: Tx, service_id: UUID, member_id: UUID) -> store.MemberRow:
    """One member, sealed. Raises NotFound."""
    row = await store.member(tx, service_id, member_id)
    if row is None:
        raise NotFound("The service has no such member.")
    return row


async def list_members(tx: Tx, crypto: Crypto, who: Actor, service_id: UUID) -> list[tuple[store.MemberRow, Contact]]:
    """A service's team with how each is reached: a reading of personal data, so it is audited. Raises NotFound."""
    await _known_service(tx, service_id)
    rows = await store.members(tx, service_id)
    found = [(row, open_contact(crypto, row)) for row in rows]
    await record(
        tx,
        store.SCHEMA,
        action=Action.MEMBER_READ,
        who=who,
        subject_id=str(service_id),
        service_id=service_id,
        after={"count": len(rows)},
    )
    return found


def _checked_networks(networks: list[str]) -> list[str]:
    faults, checked = [], []
    for text in networks:
        try:
            checked.append(str(ip_network(text, strict=False)))
        except ValueError:
            faults.append({"field": "networks", "message": f"{text!r} is not a network such as 192.0.2.0/24"})
    if faults:
        raise InvalidInput(faults)
    return checked


def _check_key(key_type: str, scopes: list[str], expires_at: datetime | None) -> None:
    faults = [{"field": "scopes", "message": f"{scope} is not a scope"} for scope in unknown(scopes)]
    if key_type not in get_args(KeyType):
        faults.append({"field": "type", "message": "must be live, team or test"})
    if expires_at is not None and expires_at <= clock.now():
        faults.append({"field": "expires_at", "message": "must lie in the future"})
    if faults:
        raise InvalidInput(faults)


def _key_string(name: str, service_id: UUID, secret: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "key"
    return f"{slug}-{service_id}-{secret}"


async def _record_issue(tx: Tx, who: Actor, key: store.KeyRow, organisation_id: UUID) -> None:
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_ISSUE,
        who=who,
        subject_id=key.id,
        service_id=key.service_id,
        organisation_id=organisation_id,
        after={"name": key.name, "type": key.type, "scopes": key.scopes, "networks": key.networks},
    )


async def issue_key(
    tx: Tx,
    crypto: Crypto,
    who: Actor,
    service_id: UUID,
    *,
    name: str,
    key_type: KeyType,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
    networks: list[str] | None = None,
) -> NewKey:
    """Issue an API key: `{name}-{service uuid}-{secret uuid}`, given out this once.

    scopes: None for the usual ones. networks: CIDR ranges the key may be used from, empty for anywhere.
    Raises NotFound, InvalidInput.
    """
    service = await _known_service(tx, service_id)
    name, wanted = read_name(name), list(scopes or default_scopes(key_type))
    _check_key(key_type, wanted, expires_at)
    key_id, secret = ids.uuid7(), str(uuid4())
    row = await store.add_key(
        tx,
        key_id,
        service_id,
        name=name,
        type_=key_type,
        scopes=sorted(set(wanted)),
        networks=_checked_networks(networks or []),
        created_by=who.id,
        expires_at=expires_at,
        secret=crypto.seal(secret.encode(), table=SECRET_TABLE, row=key_id, service=service_id),
    )
    await _record_issue(tx, who, row, service.organisation_id)
    return NewKey(row, _key_string(name, service_id, secret))
