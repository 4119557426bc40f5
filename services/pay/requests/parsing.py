"""From bytes to plain values.

Unknown fields are ignored by the contract, whatever they hold; so nothing is refused here for what stands in them, only
what keeps a body from being read at all. What cannot be kept (NUL, half a surrogate pair) is refused field by field.
"""

from __future__ import annotations

import json
from typing import Any, Never, TypeGuard

from services.pay.errors import BodyUnreadable

# a body with more brackets than this is left to the complete validator: no honest request has as many
FEW_BRACKETS = 64


def parse_object(raw: bytes) -> dict[str, Any]:
    """The body's members; a body that is JSON but no object has none. Raises BodyUnreadable."""
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # ValueError: UnicodeError and JSONDecodeError too
        raise BodyUnreadable from None
    return value if isinstance(value, dict) else {}


def is_plain(raw: bytes) -> bool:
    """Whether msgspec reads this body as parse_object would: no null, no escapes of characters, UTF-8, little nesting.

    null: our Structs cannot tell it from absence. \\u: may be NUL or half a surrogate pair. msgspec does not look into
    what it skips, hence UTF-8 and nesting.
    """
    if b"null" in raw or b"\\u" in raw or raw.count(b"{") + raw.count(b"[") > FEW_BRACKETS:
        return False
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a text that PostgreSQL can keep."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def is_integer(value: object, bits: int = 32) -> TypeGuard[int]:
    """Whether a value is a JSON integer of so many bits: not 1.0, not true, not "1"."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def is_blank(text: str) -> bool:
    return not text or text.isspace()


def _refuse_constant(_name: str) -> Never:
    raise ValueError
