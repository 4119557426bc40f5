"""E-mail addresses: what may be written to, and the one form in which two spellings compare equal."""

from __future__ import annotations

import re

from services.notify.recipients.errors import InvalidEmail
from services.notify.recipients.spaces import trimmed

MAX_LENGTH = 320  # characters; contract 1.7
_MAX_HOST = 253  # RFC 1035
_MAX_LABEL = 63

# Stricter than RFC 5321: no quotes, brackets, commas or semicolons, which relays read in different ways.
_LOCAL = r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-zA-Z0-9]+(?:-{1,2}[a-zA-Z0-9]+)*"
_TOP_LABEL = r"(?:[a-zA-Z]{2,63}|xn--(?:[a-zA-Z0-9]+-)*[a-zA-Z0-9]+)"

_local = re.compile(_LOCAL)
_label = re.compile(_LABEL)
_top_label = re.compile(_TOP_LABEL)
_plain = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+[a-zA-Z]{{2,63}}")


def normalise_email(raw: str) -> str:
    """The address in lower case, trimmed, its domain in ASCII (IDNA), so that equal mailboxes compare equal.

    Raises InvalidEmail. Source: contract 1.3 and 1.7, RFC 5321 (lengths), RFC 3490 (IDNA). A zero-width character
    anywhere is dropped: nobody can see it, and it comes from copying.
    """
    # At 64 characters or fewer no label can be too long, so the expression decides alone.
    if len(raw) <= _MAX_LABEL + 1 and _plain.fullmatch(raw) and ".." not in raw:
        return raw.lower()
    return normalise_any_email(raw)


def normalise_any_email(raw: str) -> str:
    """As normalise_email, rule by rule and for every address: the slow path that the fast one must agree with."""
    address = trimmed(raw)
    if len(address) > MAX_LENGTH or ".." in address:
        raise InvalidEmail
    local, at, host = address.partition("@")
    if not at or not _local.fullmatch(local):
        raise InvalidEmail
    return f"{local.lower()}@{_ascii_host(host)}"


def _ascii_host(host: str) -> str:
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidEmail from None
    labels = name.split(".")
    if len(labels) < 2 or len(name) > _MAX_HOST:
        raise InvalidEmail
    if not all(len(label) <= _MAX_LABEL and _label.fullmatch(label) for label in labels):
        raise InvalidEmail
    if not _top_label.fullmatch(labels[-1]):
        raise InvalidEmail
    return name
