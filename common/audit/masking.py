"""Keeps personal data out of audit events: what looks like an e-mail address or a telephone number is masked."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
# an international or a national number: + or 0, then eight to fourteen more digits with the usual marks between them.
# Identifiers, dates and amounts begin otherwise or stand inside a word.
_PHONE = re.compile(r"(?<![\w.-])(?:\+|\(?0)\d?(?:[ ().-]{0,2}\d){8,14}(?![\w-])")


def mask_text(text: str) -> str:
    """The text with every address and number replaced by `[e-mail]` or `[phone]`."""
    if "@" in text:
        text = _EMAIL.sub("[e-mail]", text)
    return _PHONE.sub("[phone]", text)


def mask(value: Any) -> Any:
    """Plain JSON values of anything msgspec can encode, with every text in it masked, names of fields included."""
    return _masked(msgspec.to_builtins(value, str_keys=True))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {mask_text(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value
