"""`sanitise_content_for`: values typed by strangers lose their addresses and cannot be read as markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from services.notify.rendering.placeholders import Personalisation, key_of

# as GOV.UK Notify finds addresses: [scheme] labels with dots, a top-level name, then path, query or fragment;
# a label starts only where no label is running, so that a long word is read once
_ADDRESS = re.compile(
    r"\b(?<![@.])(?:https?://)?(?<![\w-])(?:[\w-]+\.)+[a-z]{2,63}(?!@)\b(?:[/?#][^<\s]*)?", re.IGNORECASE
)
_ACCIDENTAL = re.compile(r"[a-zA-Z0-9.-]+")
_MARKDOWN = re.compile(r"[`*_()\\{}\[\]<>#+\-.!|]")


def sanitise_personalisation(
    personalisation: Personalisation, keys: Iterable[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The values with those under `keys` made harmless, and what changed.

    keys: names whose values are not trusted, in any spelling.
    Returns the new personalisation, and for each changed name `{"unsanitised": …, "sanitised": …}`. Of a list each
    text is made harmless; numbers and files stay as they are.
    """
    untrusted = {key_of(name) for name in keys}
    harmless = dict(personalisation)
    changed: dict[str, dict[str, Any]] = {}
    for name, value in personalisation.items():
        if key_of(name) not in untrusted:
            continue
        sanitised = _sanitised(value)
        if sanitised != value:
            harmless[name] = sanitised
            changed[name] = {"unsanitised": value, "sanitised": sanitised}
    return harmless, changed


def _sanitised(value: Any) -> Any:
    if isinstance(value, list):
        return [sanitise_text(item) if isinstance(item, str) else item for item in value]
    return sanitise_text(value) if isinstance(value, str) else value


def sanitise_text(text: str) -> str:
    """One value without addresses and with a backslash before each character that markdown gives a meaning."""
    return _MARKDOWN.sub(r"\\\g<0>", _ADDRESS.sub(_broken, text))


def _broken(found: re.Match[str]) -> str:
    """`Thanks.Bob` was hardly meant as an address: it is only pulled apart. A real one goes."""
    written = found.group()
    return written.replace(".", ". ") if _ACCIDENTAL.fullmatch(written) else ""
