"""Keeps personal data out of audit events, by the same rules as the log's."""

from __future__ import annotations

from typing import Any

import msgspec

from common.log import mask as mask_text


def mask(value: Any) -> Any:
    """Plain JSON values of anything msgspec can encode, with addresses, numbers and secrets in every text masked."""
    return _masked(msgspec.to_builtins(value, str_keys=True))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {mask_text(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
