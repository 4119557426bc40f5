"""Identifiers as the wire knows them: 130 random bits in base 32, 26 characters of `0-9a-v` (contract section 1.4)."""

from __future__ import annotations

import os
import re

LENGTH = 26

_IDENTIFIERS_A_DRAW = 512
# five bits of each random byte: 32 divides 256, so no character comes up more often than another
_CHARACTERS = b"0123456789abcdefghijklmnopqrstuv" * 8

_public_id = re.compile(r"[0-9a-v]{26}")

_pool = ""
_at = 0


def new_public_id() -> str:
    """An identifier that nobody can guess and nothing else has; randomness is drawn for 512 of them at a time."""
    global _pool, _at
    if _at >= len(_pool):
        _pool, _at = os.urandom(LENGTH * _IDENTIFIERS_A_DRAW).translate(_CHARACTERS).decode(), 0
    made = _pool[_at : _at + LENGTH]
    _at += LENGTH
    return made


def is_public_id(text: str) -> bool:
    """Whether a text from a path or body can be an identifier at all: if not, no question to the database is needed."""
    return _public_id.fullmatch(text) is not None


def _start_over() -> None:
    global _pool
    _pool = ""


# a forked process must not hand out the identifiers that its parent is about to hand out
os.register_at_fork(after_in_child=_start_over)
