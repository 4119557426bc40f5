"""What a service may attach to a payment (contract section 1.3: 15 pairs, as its code has it)."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from services.pay.errors import AttributeInvalid
from services.pay.requests.parsing import is_integer, is_text

Metadata: TypeAlias = dict[str, str | bool | int | float]

MOST_PAIRS = 15
LONGEST_KEY = 30
LONGEST_VALUE = 100


def read_metadata(value: Any) -> Metadata:
    """The pairs, as sent. Raises AttributeInvalid with all faults at once, joined as the contract joins them.

    A number that 64 bits cannot hold counts as no number: it could not be kept.
    """
    if value is None:
        raise AttributeInvalid("metadata", "Value must not be null")
    if not isinstance(value, dict):
        raise AttributeInvalid("metadata", "Must be an object of JSON key-value pairs")
    faults = _faults(value)
    if faults:
        raise AttributeInvalid("metadata", ". ".join(faults))
    return value


def is_right(value: Metadata) -> bool:
    """Whether pairs that msgspec read have no fault: the short way to what _faults finds."""
    if len(value) > MOST_PAIRS:
        return False
    for key, part in value.items():
        if not 1 <= len(key) <= LONGEST_KEY:
            return False
        if isinstance(part, str):
            if len(part) > LONGEST_VALUE:
                return False
        elif not _is_value(part):
            return False
    return len(value) < 2 or len({key.lower() for key in value}) == len(value)


def _faults(pairs: dict[str, Any]) -> list[str]:
    values = pairs.values()
    checks = (
        (len(pairs) > MOST_PAIRS, f"Cannot have more than {MOST_PAIRS} key-value pairs"),
        (not all(_is_key(key) for key in pairs), f"Keys must be between 1 and {LONGEST_KEY} characters long"),
        (not all(_is_value(value) for value in values), "Values must be of type String, Boolean or Number"),
        (
            any(isinstance(value, str) and len(value) > LONGEST_VALUE for value in values),
            f"Values must be no greater than {LONGEST_VALUE} characters long",
        ),
        (any(value is None for value in values), "Must not have null values"),
        (len({key.lower() for key in pairs}) < len(pairs), "Must have case insensitive unique keys"),
    )
    return [text for is_wrong, text in checks if is_wrong]


def _is_key(key: str) -> bool:
    return 1 <= len(key) <= LONGEST_KEY and is_text(key)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return is_text(value)
    if isinstance(value, float):
        return math.isfinite(value)
    # null has a fault of its own
    return value is None or isinstance(value, bool) or is_integer(value, 64)
