"""The work list on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """How a lane stands; `oldest_due_age_s`: how late its oldest due work is, in seconds."""

    lane: str
    waiting: int
    due: int
    oldest_due_age_s: float
    leased: int
    dead: int


class WorkState(msgspec.Struct, frozen=True, kw_only=True):
    lanes: list[LaneState]


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """Work that was given up, with the reason. `ref` is the message's id."""

    id: UUID
    topic: str
    ref: UUID
    service_id: UUID
    lane: str
    attempt: int
    reason: str
    created_at: datetime
    died_at: datetime


class GivenUpPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: pass it as `?cursor=` for the next page; None on the last."""

    work: list[GivenUp]
    next: UUID | None


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to replay: named ids, or up to `limit` of all (of a topic)."""

    ids: list[UUID] | None = None
    topic: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    replayed: int
