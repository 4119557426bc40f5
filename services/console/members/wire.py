"""Members on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from common.tenancy.flow import Role


class NewMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to add to the team."""

    email: Annotated[str, Meta(max_length=320, description="E-mail address.")]
    role: Role
    phone_number: Annotated[str, Meta(max_length=40, description="Telephone number, as it is dialled.")] | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the team. email and phone_number in the form that recipients are compared in."""

    id: UUID
    email: str
    phone_number: str | None
    role: Role
    created_at: datetime


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """The whole team, oldest first."""

    members: list[Member]
