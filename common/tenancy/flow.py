"""What is done with organisations, services, members and keys. Every change is audited in its own transaction."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import ip_network
from typing import Literal, get_args
from uuid import UUID, uuid4

import msgspec

from common import clock, ids
from common.audit import Action, Actor, record
from common.auth.directory import SECRET_TABLE
from common.auth.principals import KeyType, ServiceStatus
from common.auth.scopes import DEFAULT_KEY_SCOPES, unknown
from common.crypto import Crypto
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.tenancy import store
from common.tenancy.states import check_move

Role = Literal["admin", "developer", "editor", "caseworker", "finance"]
MEMBER_TABLE = "platform.members"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_LONGEST_NAME = 200


class Contact(msgspec.Struct, frozen=True):
    """How a member is reached; kept sealed. `phone` in the form that the caller normalised, or None."""

    email: str
    phone: str | None = None


class NewKey(msgspec.Struct, frozen=True):
    """A key just issued. `secret` is the whole key string: shown this once, never again."""

    key: store.KeyRow
    secret: str


def _name(text: str, field: str = "name") -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME or "\0" in name:
        raise InvalidInput([{"field": field, "message": f"must be 1 to {_LONGEST_NAME} characters"}])
    return name


def _colour(text: str) -> str:
    if not _COLOUR.fullmatch(text.lower()):
        raise InvalidInput([{"field": "colour", "message": "must look like #1d4f91"}])
    return text.lower()


async def create_organisation(tx: Tx, who: Actor, *, name: str, colour: str = "#1d4f91") -> store.OrganisationRow:
    """Take on an organisation. `colour`: shown on e-mails and pages. Raises InvalidInput, Conflict."""
    name = _name(name)
    if any(o.name.lower() == name.lower() for o in await store.organisations(tx)):
        raise Conflict("An organisation of this name exists.")
    row = await store.add_organisation(tx, ids.uuid7(), name, _colour(colour))
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
    """Rename an organisation or change its colour. Raises NotFound, InvalidInput."""
    before = await store.organisation(tx, organisation_id)
    if before is None:
        raise NotFound("There is no such organisation.")
    row = await store.update_organisation(
        tx, organisation_id, _name(name) if name else before.name, _colour(colour) if colour else before.colour
    )
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
    """Onboard a service; it begins in trial. Raises NotFound (organisation), InvalidInput, Conflict."""
    name = _name(name)
    if await store.organisation(tx, organisation_id) is None:
        raise NotFound("There is no such organisation.")
    if any(s.name.lower() == name.lower() for s in await store.services(tx, organisation_id)):
        raise Conflict("The organisation has a service of this name.")
    row = await store.add_service(tx, ids.uuid7(), organisation_id, name, status)
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


async def update_service(
    tx: Tx,
    who: Actor,
    service_id: UUID,
    *,
    name: str | None = None,
    status: ServiceStatus | None = None,
    reason: str | None = None,
) -> store.ServiceRow:
    """Rename a service or move it (trial → live → suspended …). Raises NotFound, InvalidInput, Conflict."""
    before = await store.service(tx, service_id, for_update=True)
    if before is None:
        raise NotFound("There is no such service.")
    if status is not None and status != before.status:
        check_move(before.status, status)
    row = await store.update_service(tx, service_id, _name(name) if name else before.name, status or before.status)
    await record(
        tx,
        store.SCHEMA,
        action=Action.SERVICE_UPDATE,
        who=who,
        subject_id=str(row.id),
        service_id=row.id,
        organisation_id=row.organisation_id,
        before={"name": before.name, "status": before.status},
        after={"name": row.name, "status": row.status},
        reason=reason,
    )
    return row


async def _known_service(tx: Tx, service_id: UUID) -> store.ServiceRow:
    row = await store.service(tx, service_id)
    if row is None or row.status == "archived":
        raise NotFound("There is no such service.")
    return row


async def add_member(tx: Tx, crypto: Crypto, who: Actor, service_id: UUID, contact: Contact, role: Role) -> UUID:
    """Add a person to a service's team; returns the member's id.

    contact: normalised by the caller (e-mail in lower case, phone as digits with country code), because members may be
    written to in trial mode and are compared in that form. Raises NotFound, Conflict.
    """
    service = await _known_service(tx, service_id)
    if role not in get_args(Role):
        raise InvalidInput([{"field": "role", "message": f"must be one of {', '.join(get_args(Role))}"}])
    member_id = ids.uuid7()
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
        raise Conflict("The service has a member with this e-mail address.")
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


async def list_members(tx: Tx, crypto: Crypto, who: Actor, service_id: UUID) -> list[tuple[store.MemberRow, Contact]]:
    """A service's team with how each is reached: a reading of personal data, so it is audited."""
    await _known_service(tx, service_id)
    rows = await store.members(tx, service_id)
    found = []
    for row in rows:
        plain = crypto.open(row.personal, table=MEMBER_TABLE, row=row.id, service=service_id)
        found.append((row, msgspec.msgpack.decode(plain, type=Contact)))
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
    name = _name(name)
    wanted = list(scopes) if scopes else list(DEFAULT_KEY_SCOPES)
    if wrong := unknown(wanted):
        raise InvalidInput([{"field": "scopes", "message": f"{scope} is not a scope"} for scope in wrong])
    if key_type not in get_args(KeyType):
        raise InvalidInput([{"field": "type", "message": "must be live, team or test"}])
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidInput([{"field": "expires_at", "message": "must lie in the future"}])
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
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_ISSUE,
        who=who,
        subject_id=str(key_id),
        service_id=service_id,
        organisation_id=service.organisation_id,
        after={"name": name, "type": key_type, "scopes": row.scopes, "networks": row.networks},
    )
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "key"
    return NewKey(key=row, secret=f"{slug}-{service_id}-{secret}")


async def revoke_key(tx: Tx, who: Actor, service_id: UUID, key_id: UUID, *, at: datetime | None = None) -> store.KeyRow:
    """Revoke a key; it is refused everywhere within 2 s. Raises NotFound, InvalidInput for a moment to come."""
    moment = at or clock.now()
    if moment > clock.now():
        raise InvalidInput([{"field": "at", "message": "a key is revoked now; give it an expiry for later"}])
    row = await store.revoke_key(tx, service_id, key_id, moment)
    if row is None:
        raise NotFound("The service has no such key.")
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_REVOKE,
        who=who,
        subject_id=str(key_id),
        service_id=service_id,
        before={"name": row.name, "type": row.type},
    )
    return row
