"""`((name))` and `((flag??text))`: found once per template version, filled per message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from services.notify.rendering.escaping import strip_obscure

Personalisation = Mapping[str, Any]
Listing = Callable[[Sequence[str]], str]

_PLACEHOLDER = re.compile(r"\(\(([^()]+)\)\)")
_IGNORED_IN_KEYS = {ord(c): None for c in " _-"}
_SHORT_NAME = 100  # characters
_YES = frozenset({"yes", "y", "true", "t", "1", "include", "show"})


def key_of(name: str) -> str:
    """What two spellings of one placeholder share: `First Name`, `first_name` and `FIRST-NAME` are the same."""
    # only short names are remembered: a name may have 2,000,000 characters
    return _short_key_of(name) if len(name) <= _SHORT_NAME else _any_key_of(name)


def _any_key_of(name: str) -> str:
    return name.translate(_IGNORED_IN_KEYS).lower()


_short_key_of = lru_cache(maxsize=16_384)(_any_key_of)


class Slot(Struct, frozen=True):
    """One place to fill. `shown`: the text that a yes shows (`((flag??text))`), None for a plain placeholder."""

    index: int
    name: str
    shown: str | None

    def written(self) -> str:
        """The placeholder as the author typed it."""
        return f"(({self.name}))" if self.shown is None else f"(({self.name}??{self.shown}))"


def as_bullets(items: Sequence[str]) -> str:
    """A list as the body of an e-mail shows it: bullets, also when there is only one."""
    return "\n\n" + "\n".join([f"* {item}" for item in items])


def as_sentence(items: Sequence[str]) -> str:
    """A list as a text message or a subject shows it: `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def text_of(value: object, listing: Listing) -> str:
    """A personalisation value as text; a list without anything in it is empty."""
    if isinstance(value, list | tuple):
        items = [strip_obscure(str(item)) for item in value if item is not None]
        items = [item for item in items if item]
        return listing(items) if items else ""
    return str(value)


class Names:
    """The placeholders of a template, in its order, each once whatever its spelling."""

    def __init__(self) -> None:
        self.spellings: list[str] = []
        self._index: dict[str, int] = {}

    def index_of(self, name: str) -> int:
        """Where this placeholder stands; it is added when new."""
        key = key_of(name)
        if key not in self._index:
            self._index[key] = len(self.spellings)
            self.spellings.append(name)
        return self._index[key]


class Parts(Struct, frozen=True):
    """A text cut at its placeholders. `pieces` holds an empty string wherever a slot of `slots` stands."""

    pieces: tuple[str, ...]
    slots: tuple[tuple[int, Slot], ...]

    def fill(self, values: Sequence[object], listing: Listing) -> str:
        """The text with every value in place, in one pass: placeholders inside values stay text."""
        filled = list(self.pieces)
        for at, slot in self.slots:
            value = values[slot.index]
            if slot.shown is None and type(value) is str:
                filled[at] = value
            else:
                filled[at] = slot_text(slot, value, listing)
        return "".join(filled)

    def mapped(self, change: Callable[[str], str]) -> Parts:
        """The same slots among changed literals (escaped once for all messages)."""
        slots = [
            (at, Slot(slot.index, change(slot.name), None if slot.shown is None else change(slot.shown)))
            for at, slot in self.slots
        ]
        return Parts(tuple([change(piece) for piece in self.pieces]), tuple(slots))


def slot_text(slot: Slot, value: object, listing: Listing) -> str:
    """What stands in a slot: a missing value leaves the placeholder as it was typed."""
    if value is None:
        return slot.written()
    text = text_of(value, listing)
    if slot.shown is None:
        return text
    return slot.shown if text.lower() in _YES else ""


def cut(content: str, names: Names) -> Parts:
    """Find the placeholders of a text once, so that filling it is only a join."""
    pieces: list[str] = []
    slots: list[tuple[int, Slot]] = []
    for number, piece in enumerate(_PLACEHOLDER.split(content)):
        if number % 2 == 0:
            pieces.append(piece)
            continue
        name, conditional, shown = piece.partition("??")
        slots.append((len(pieces), Slot(names.index_of(name), name, shown if conditional else None)))
        pieces.append("")
    return Parts(tuple(pieces), tuple(slots))


def resolve(spellings: tuple[str, ...], personalisation: Personalisation) -> list[Any]:
    """The value of each placeholder, None where there is none. Of two spellings of a key the later wins."""
    if len(personalisation) == len(spellings):
        # as many keys as placeholders, each spelt the same: no second spelling can be hiding
        try:
            return [personalisation[name] for name in spellings]
        except KeyError:
            pass
    by_key = {key_of(name): value for name, value in personalisation.items()}
    return [by_key.get(key_of(name)) for name in spellings]
