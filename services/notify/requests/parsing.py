"""From bytes to plain values, and what of them can be kept.

JSON lets through what PostgreSQL, msgpack or a terminal cannot take: NUL, half a surrogate pair, NaN, endless nesting,
integers past 64 bits. Each is settled here, once, for the fast and the slow way alike.
"""

from __future__ import annotations

import json
import math
from typing import Any, Never

from services.notify.requests.errors import InvalidJSON

MAX_DEPTH = 32  # lists and objects within one another, the body being the first
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1  # what msgpack holds


def parse_json(raw: bytes) -> Any:
    """The body's value, free of what cannot be kept but for NUL (has_nul) and large integers.

    A UTF-8 byte order mark is let be; NaN and Infinity are refused, as RFC 8259 has it. Raises InvalidJSON.
    """
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        _check(value, 1)
    except (ValueError, RecursionError):  # ValueError: UnicodeError and JSONDecodeError too
        raise InvalidJSON from None
    return value


def is_kept_as_is(value: object, depth: int) -> bool:
    """Whether a value that msgspec read needs neither refusing nor changing. depth: that of its parent."""
    if isinstance(value, str | float) or value is None:
        return True
    if isinstance(value, int):
        return _MIN_INTEGER <= value <= _MAX_INTEGER
    if depth >= MAX_DEPTH:
        return False
    parts = value.values() if isinstance(value, dict) else value
    assert isinstance(value, dict | list)
    return all(is_kept_as_is(part, depth + 1) for part in parts)  # type: ignore[attr-defined]


def has_nul(value: object) -> bool:
    """Whether a NUL character, which PostgreSQL refuses in text, is anywhere in a value of parse_json."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or has_nul(part) for key, part in value.items())
    return isinstance(value, list) and any(map(has_nul, value))


def with_digits_for_large_integers(value: Any) -> Any:
    """The value with each integer that msgpack cannot hold as a text of its digits."""
    if isinstance(value, int) and not _MIN_INTEGER <= value <= _MAX_INTEGER:
        return str(value)
    if isinstance(value, dict):
        return {key: with_digits_for_large_integers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [with_digits_for_large_integers(part) for part in value]
    return value


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode()  # half a surrogate pair raises UnicodeEncodeError
    if not isinstance(value, dict | list):
        return
    if depth > MAX_DEPTH:
        raise InvalidJSON
    if isinstance(value, dict):
        for key in value:
            key.encode()
    for part in value.values() if isinstance(value, dict) else value:
        _check(part, depth + 1)


def _refuse_constant(_name: str) -> Never:
    raise InvalidJSON


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJSON
    return number
