"""The Idempotency-Key, by Pay's own rules (contract section 1.3); honoured on every POST, which is our addition."""

from __future__ import annotations

import re

from services.pay.errors import IdempotencyKeyMalformed

LONGEST = 255

_key = re.compile(r"[a-zA-Z0-9-]*")


def checked_key(sent: str | None) -> str | None:
    """The caller's key, None if it sent none. Raises IdempotencyKeyMalformed."""
    if sent is None:
        return None
    if not 1 <= len(sent) <= LONGEST:
        raise IdempotencyKeyMalformed(f"can have a size between 1 and {LONGEST}")
    if not _key.fullmatch(sent):
        raise IdempotencyKeyMalformed("can only contain alphanumeric characters and hyphens")
    return sent
