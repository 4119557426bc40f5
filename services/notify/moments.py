"""Times as Notify's contract writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: datetime | None) -> str | None:
    """`2017-05-14T12:15:30.000000Z`, always in UTC and with microseconds."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
