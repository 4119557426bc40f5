"""E-mail addresses as they go on the wire."""

from __future__ import annotations

import re

import idna

# No quoted local parts and no address literals: Notify's own address rules allow neither, and without them no
# address can end its brackets, add a second recipient or start a new line.
_ATOMS = re.compile(r"[^\x00-\x20\x7f-\xa0\u2028\u2029<>()\[\]\\,;:\"@]+")
_MOST_CHARACTERS = 320


class UnusableAddress(ValueError):
    """The address cannot be put on the wire safely. Carries no address."""


def wire_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA 2008 A-labels); the local part stays. Raises UnusableAddress."""
    local, at, domain = address.rpartition("@")
    if not at or len(address) > _MOST_CHARACTERS or not _ATOMS.fullmatch(local) or not _ATOMS.fullmatch(domain):
        raise UnusableAddress("not one plain address")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except UnicodeError:
        raise UnusableAddress("domain has no ASCII form") from None
