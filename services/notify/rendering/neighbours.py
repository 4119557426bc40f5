"""What the text around a placeholder asks of its values before the short cut of `skeleton` may be taken."""

from __future__ import annotations

import re

from msgspec import Struct

FIRST_MARK = 0x10600  # letters of a script that nobody writes (Linear A): they count as word characters
MOST_MARKS = 64
MARK = f"[{chr(FIRST_MARK)}-{chr(FIRST_MARK + MOST_MARKS - 1)}]"

_ONE_MARK = re.compile(MARK)
_QUOTES = re.compile(r"['\"‘’“”\\]")
_GLUE = re.compile(r"[ \t][,.]")
_LINE_OPENING = re.compile(r"[\s*•^#>+\-\d.]*")
_TARGET = re.compile(r"\]\(\s*([^)]*)")
_REACHES_OVER = re.compile(
    # together with a value this could become the name GOV.UK, a scheme or a reference
    rf"gov\.{MARK}|{MARK}\.uk|{MARK}\.{MARK}|{MARK}:/|\]:",
    re.IGNORECASE,
)
_WORDS = re.compile(r"£?[^\W_]+(?:(?:, |: |\. |[ \-,.:/@])[^\W_]+)*")
_TIGHT = re.compile(r"[A-Za-z0-9]+(?:[-.@_]+[A-Za-z0-9]+)*")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9\-._~/?#=&%+]*[A-Za-z0-9/=_]")


class Care(Struct):
    """What is asked of one placeholder's values, from all the places where it stands."""

    at_line_start: bool = False  # a bullet, a number or a heading could begin here
    number_grows: bool = False  # a point, letter, digit or value follows: a number could become a bullet with it
    quoted: bool = False  # a quotation mark stands in the same word
    joined: bool = False  # a letter, a digit or another value touches it
    tight: bool = False  # inside a web address: no spaces

    def is_none(self) -> bool:
        """Letters and digits alone can stand here without a further look."""
        return not (self.at_line_start or self.quoted or self.tight)


def mark(index: int) -> str:
    """What stands for a value. Two marks, as an address needs two characters to be one."""
    return chr(FIRST_MARK + index) * 2


def cares_of(marked: str, count: int, *, has_blocks: bool) -> list[Care] | None:
    """What each of the placeholders is asked for, or None where no value is safe.

    marked: the text with one mark character where each placeholder stands, up to 2,000,000 bytes that anybody may have
    written: each character is looked at a fixed number of times. has_blocks: it is read as markdown.
    """
    if _REACHES_OVER.search(marked):
        return None
    cares = [Care() for _ in range(count)]
    # a point draws the word before it near: then a quotation mark of any word may come to stand in another
    quotes_wander = _GLUE.search(marked) is not None and _QUOTES.search(marked) is not None
    for word in marked.split():
        marks = list(_ONE_MARK.finditer(word))
        if marks and not _look_around(word, marks, cares, quotes_wander=quotes_wander):
            return None
    if not has_blocks:
        return cares
    _look_at_line_starts(marked, cares)
    for target in _TARGET.finditer(marked):
        if not _look_into_target(target.group(1), cares):
            return None
    return cares


def _index(character: str) -> int:
    return ord(character) - FIRST_MARK


def _look_around(word: str, marks: list[re.Match[str]], cares: list[Care], *, quotes_wander: bool) -> bool:
    """False where a value could become part of an entity or of an <address>. marks: those in the word, at least one."""
    first, last = marks[0].start(), marks[-1].start()
    if word.rfind(";") > first or -1 < word.find("<") < last:
        return False
    has_quote = quotes_wander or _QUOTES.search(word) is not None
    # quotes stay straight in an e-mail address, which a space would end
    is_tight = has_quote and "@" in word
    scheme = word.find("://")
    for found in marks:
        at, end = found.span()
        care = cares[_index(found.group())]
        care.quoted |= has_quote
        care.joined |= word[at - 1 : at].isalnum() or word[end : end + 1].isalnum()
        # behind another value, too: that may be the beginning of an address
        care.tight |= is_tight or -1 < scheme < at or at > first
        care.number_grows |= word[end : end + 1] == "." or word[end : end + 1].isalnum()
    return True


def _look_at_line_starts(marked: str, cares: list[Care]) -> None:
    """Find the values that nothing but bullets, numbers, white space and other values parts from a line's start."""
    at = 0
    opens = True
    for found in _ONE_MARK.finditer(marked):
        line = marked.rfind("\n", at, found.start())
        opens = (opens or line >= 0) and _LINE_OPENING.fullmatch(marked, max(line, at), found.start()) is not None
        cares[_index(found.group())].at_line_start |= opens
        at = found.end()


def _look_into_target(target: str, cares: list[Care]) -> bool:
    """False where a value could complete a scheme that the author only began."""
    marks = list(_ONE_MARK.finditer(target))
    colon, last_colon = target.find(":"), target.rfind(":")
    for found in marks:
        at = found.start()
        cares[_index(found.group())].tight = True
        if not -1 < colon < at and (last_colon > at or found is not marks[0]):
            return False
    return True


def kind_of(value: object, care: Care) -> str | None:
    """`words` or `address`: what a value may be taken for at its places; None when only the long way is safe."""
    if type(value) is not str:
        if type(value) is not int:
            return None
        value = str(value)
    if value[:4] == "http" and _ADDRESS.fullmatch(value):
        if care.quoted and not value[-1].isalnum():
            return None
        return None if care.joined else "address"
    if not (value.isalnum() or _is_plain(value, care)):
        return None
    if care.quoted and (care.joined or not value[0].isalpha()):
        return None
    if care.at_line_start and not value[0].isalpha() and (care.number_grows or not value.isalnum()):
        return None
    # an address needs two characters behind its scheme to be one
    return "words" if not care.tight or (value.isascii() and len(value) > 1) else None


def _is_plain(value: str, care: Care) -> bool:
    if care.joined or (care.quoted and "@" in value):
        return False
    if not (_TIGHT if care.tight else _WORDS).fullmatch(value):
        return False
    return "gov.uk" not in value.lower()
