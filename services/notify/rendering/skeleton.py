"""The short cut: render a text once with marks in place of its values, then only fill in the values.

For each combination of kinds of value the long way runs once, with marks that the grammar takes for values of those
kinds. Whatever could change how the text around it reads (lists, markdown, quotes, missing values; see `neighbours`)
goes the long way every time. Property tests hold both ways equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

from msgspec import Struct

from services.notify.rendering.escaping import escape_html
from services.notify.rendering.neighbours import FIRST_MARK, MARK, MOST_MARKS, Care, cares_of, kind_of, mark
from services.notify.rendering.placeholders import Parts, as_sentence, slot_text
from services.notify.rendering.sms import sanitise_sms, with_prefix

_MOST_KINDS = 32  # combinations remembered per text
_MOST_CONDITIONAL = 64
_ROOM = 20_000  # characters that all skeletons of a text may have together, and for each of the text itself …
_ROOM_SHARE = 4  # … so many more: a long text must not be remembered in a thousand combinations
_PLACE = 100  # what a placeholder takes besides its text, in characters
_SCHEME = "https://"
_PERCENT_MARK = quote(chr(FIRST_MARK))[:9]  # %F0%90%98: what all marks share inside an attribute
_WHOLE = re.compile(rf"(https://)?(?:({MARK})\2|((?:{_PERCENT_MARK}%[89AB][0-9A-F]){{2}}))")
_LEFT_OVER = re.compile(rf"{MARK}|{_PERCENT_MARK}")
_SMS_MARK = re.compile("\x1b([!-~])\x1b")
_SMS_WORDS = re.compile(r"£?[A-Za-z0-9]+(?:(?:, |[ \-,.:/@_'])[A-Za-z0-9]+)*")


class Skeleton(Struct, frozen=True):
    """A rendered text without its values: literals, and where which value goes (and whether in an attribute)."""

    pieces: tuple[str, ...]
    places: tuple[tuple[int, int, bool], ...]


class _Plan:
    """What is known of a text with some of its conditional texts shown."""

    __slots__ = ("cares", "easy", "skeletons")

    def __init__(self, cares: list[Care] | None) -> None:
        self.cares = cares
        self.easy = [care.is_none() for care in cares or ()]
        self.skeletons: dict[tuple[int, ...], Skeleton | None] = {}


class ShortCut:
    """One text of an e-mail template, rendered the short way where that gives what the long way would.

    parts: the text cut at its placeholders, not escaped. count: how many placeholders the template has.
    render: the long way, from filled text to the result. for_html: `render` takes escaped text.
    has_blocks: `render` reads markdown.
    """

    def __init__(
        self,
        parts: Parts,
        count: int,
        render: Callable[[str], str],
        *,
        for_html: bool = False,
        has_blocks: bool = True,
    ) -> None:
        self._parts = parts
        self._count = count
        self._render = render
        self._for_html = for_html
        self._has_blocks = has_blocks
        self._conditional = tuple([slot for _, slot in parts.slots if slot.shown is not None])
        self._used = tuple(sorted({slot.index for _, slot in parts.slots if slot.shown is None}))
        self._plans: dict[tuple[bool, ...], _Plan] = {}
        self._room = _ROOM + _ROOM_SHARE * (sum(map(len, parts.pieces)) + _PLACE * len(parts.slots))
        self._usable = (
            count <= MOST_MARKS
            and len(self._conditional) <= _MOST_CONDITIONAL
            and _LEFT_OVER.search("".join(parts.pieces)) is None
            and all(slot.shown is None or _LEFT_OVER.search(slot.shown) is None for slot in self._conditional)
            and not {slot.index for slot in self._conditional}.intersection(self._used)
        )

    def fill(self, values: Sequence[object]) -> str | None:
        """The rendered text, or None where only the long way is safe."""
        if not self._usable:
            return None
        shown = self._shown(values) if self._conditional else ()
        if shown is None:
            return None
        plan = self._plans.get(shown) or self._plan(shown)
        if plan is None or plan.cares is None:
            return None
        addresses = []
        for index in self._used:
            value = values[index]
            if plan.easy[index] and type(value) is str and value.isalnum():
                continue
            kind = kind_of(value, plan.cares[index])
            if kind is None:
                return None
            if kind == "address":
                addresses.append(index)
        signature = tuple(addresses)
        if signature in plan.skeletons:
            skeleton = plan.skeletons[signature]
        else:
            skeleton = self._learn(plan, signature, shown)
        return None if skeleton is None else self._filled(skeleton, values)

    def _shown(self, values: Sequence[object]) -> tuple[bool, ...] | None:
        """Which conditional texts a message shows, None when one has no plain answer."""
        shown = []
        for slot in self._conditional:
            value = values[slot.index]
            if value is None or isinstance(value, list | tuple):
                return None
            shown.append(bool(slot.shown) and slot_text(slot, value, as_sentence) != "")
        return tuple(shown)

    def _filled(self, skeleton: Skeleton, values: Sequence[object]) -> str:
        out = list(skeleton.pieces)
        for at, index, in_attribute in skeleton.places:
            value = values[index]
            text = value if type(value) is str else str(value)
            if self._for_html and "&" in text:
                text = text.replace("&", "&amp;")
            if in_attribute:
                # of the characters that the kinds allow, only these two are quoted in a link's target
                text = text.replace("+", "%2B").replace("@", "%40")
            out[at] = text
        return "".join(out)

    def _with(self, stand_ins: dict[int, str], values_shown: Sequence[bool], parts: Parts) -> str:
        values: list[object] = ["no"] * self._count
        for slot, is_shown in zip(self._conditional, values_shown, strict=True):
            values[slot.index] = "yes" if is_shown else "no"
        for index, stand_in in stand_ins.items():
            values[index] = stand_in
        return parts.fill(values, as_sentence)

    def _plan(self, shown: tuple[bool, ...]) -> _Plan | None:
        if len(self._plans) >= _MOST_KINDS:
            return None
        marked = self._with({index: mark(index)[0] for index in self._used}, shown, self._parts)
        self._plans[shown] = _Plan(cares_of(marked, self._count, has_blocks=self._has_blocks))
        return self._plans[shown]

    def _learn(self, plan: _Plan, addresses: tuple[int, ...], shown: tuple[bool, ...]) -> Skeleton | None:
        """Render once with marks. None (remembered too) if a mark did not come through whole, or without room."""
        if len(plan.skeletons) >= _MOST_KINDS:
            return None
        stand_ins = {i: _SCHEME + mark(i) if i in addresses else mark(i) for i in self._used}
        parts = self._parts.mapped(escape_html) if self._for_html else self._parts
        rendered = self._render(self._with(stand_ins, shown, parts))
        skeleton = _skeleton(rendered, addresses) if len(rendered) <= self._room else None
        if skeleton is not None:
            self._room -= len(rendered) + _PLACE * len(skeleton.places)
        plan.skeletons[addresses] = skeleton
        return skeleton


def _skeleton(rendered: str, addresses: tuple[int, ...]) -> Skeleton | None:
    pieces: list[str] = []
    places: list[tuple[int, int, bool]] = []
    at = 0
    for found in _WHOLE.finditer(rendered):
        scheme, plain, quoted = found.groups()
        characters = plain * 2 if plain else _unquoted(quoted)
        index = ord(characters[0]) - FIRST_MARK
        if characters != mark(index):
            return None
        is_address = index in addresses
        if is_address and not scheme:
            return None
        start = found.start() if is_address or not scheme else found.start() + len(scheme)
        pieces += (rendered[at:start], "")
        places.append((len(pieces) - 1, index, quoted is not None))
        at = found.end()
    pieces.append(rendered[at:])
    return None if _LEFT_OVER.search("".join(pieces)) else Skeleton(tuple(pieces), tuple(places))


def _unquoted(quoted: str) -> str:
    """The marks that an attribute holds percent-encoded."""
    return bytes.fromhex(quoted.replace("%", "")).decode()


class SmsShortCut:
    """The same for a text message, whose rules look at characters and spaces only."""

    __slots__ = ("_pieces", "_places")

    def __init__(self, parts: Parts, count: int, prefix: str = "") -> None:
        self._pieces: list[str] | None = None
        self._places: tuple[tuple[int, int], ...] = ()
        if count > 90 or "\x1b" in "".join(parts.pieces) or any(slot.shown is not None for _, slot in parts.slots):
            return
        cut = _SMS_MARK.split(
            sanitise_sms(with_prefix(parts.fill([f"\x1b{chr(33 + i)}\x1b" for i in range(count)], as_sentence), prefix))
        )
        self._places = tuple([(at, ord(cut[at]) - 33) for at in range(1, len(cut), 2)])
        if [index for _, index in self._places] == [slot.index for _, slot in parts.slots]:
            self._pieces = cut

    def fill(self, values: Sequence[object]) -> str | None:
        """The text as it is carried, or None where only the long way is safe."""
        if self._pieces is None:
            return None
        out = self._pieces.copy()
        for at, index in self._places:
            value = values[index]
            if type(value) is not str or not ((value.isascii() and value.isalnum()) or _SMS_WORDS.fullmatch(value)):
                return None
            out[at] = value
        return "".join(out)
