"""Moments and days as callers write them (contract section 1.9)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

# ISO 8601 with a zone; seconds may be absent, their fraction have nine digits, a region follow in brackets
_moment = re.compile(
    r"(?P<to_minute>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})(?P<seconds>:[0-9]{2})?(?P<fraction>\.[0-9]{1,9})?"
    r"(?P<zone>Z|[+-][0-9]{2}(?::[0-9]{2}){0,2})(?:\[[A-Za-z0-9/_+-]+\])?",
    re.ASCII | re.IGNORECASE,
)
_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def read_moment(text: str) -> datetime | None:
    """The moment in UTC, to the microsecond; None if the text is none."""
    found = _moment.fullmatch(text)
    if found is None or (found["fraction"] and not found["seconds"]):
        return None
    fraction = (found["fraction"] or "")[:7]
    try:
        read = datetime.fromisoformat(
            f"{found['to_minute']}{found['seconds'] or ':00'}{fraction}{found['zone']}".upper()
        )
        return read.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the first or last day of the calendar, moved by its zone
        return None


def read_day(text: str) -> date | None:
    """The day; None if the text is none."""
    try:
        return date.fromisoformat(text) if _day.fullmatch(text) else None
    except ValueError:
        return None
