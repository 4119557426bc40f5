"""The finish of an e-mail's words: curly quotes, en dashes, no space before a comma."""

from __future__ import annotations

import re

_SPACE_BEFORE_POINT = re.compile(r"(?<![ \t])[ \t]+(?=[,.])")
_LONE_DASH = re.compile(r"(?<!\s)\s+[-–—]{1,3}\s+")
_WORD_WITH_AT = re.compile(r"(?<!\S)\S+@\S+")
_TAG = re.compile(r"(<[^<>]*>)")
_QUOTE = re.compile(r"""\\([\\"'.`-])|["']""")
_OPENS_BEFORE = " \t\r\n[{(-"
_POINTS = frozenset("!\"#$%'()*+,-./:;<=>?@[\\]^_`{|}~")
_DECADE = re.compile(r"\d{2}s")


def nice_typography(text: str) -> str:
    """Curly quotes outside tags and links, en dashes for lone hyphens, straight quotes in e-mail addresses."""
    text = _SPACE_BEFORE_POINT.sub("", text)
    if '"' in text or "'" in text or "\\" in text:
        text = _smart_quotes(text)
    if "@" in text:
        text = _WORD_WITH_AT.sub(lambda found: found.group().replace("‘", "'").replace("’", "'"), text)
    return _LONE_DASH.sub(" – ", text)


def _smart_quotes(text: str) -> str:
    out: list[str] = []
    in_links = 0
    before = ""
    for number, piece in enumerate(_TAG.split(text)):
        if number % 2:
            if piece[:3] in ("<a ", "<a>"):
                in_links += 1
            elif piece == "</a>":
                in_links = max(0, in_links - 1)
            out.append(piece)
        elif piece:
            out.append(piece if in_links else _curl(piece, before))
            before = piece[-1]
    return "".join(out)


def _curl(text: str, before: str) -> str:
    """Curl the quotes of one run of text. `before`: the last character ahead of the tag in front of it."""
    if text == "'":
        return "’" if before.strip() else "‘"
    if text == '"':
        return "”" if before.strip() else "“"

    def curled(found: re.Match[str]) -> str:
        if (escaped := found.group(1)) is not None:
            return f"&#{ord(escaped)};"
        return _single(text, found.start()) if found.group() == "'" else _double(text, found.start())

    return _QUOTE.sub(curled, text)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _opens_together(text: str, at: int) -> bool:
    """Two different quotes in front of a word open it together: "'word'"."""
    pair = text[at : at + 2] if text[at + 1 : at + 2] in ("'", '"') else text[max(at - 1, 0) : at + 1]
    after = text[at + 2 : at + 3] if text[at + 1 : at + 2] in ("'", '"') else text[at + 1 : at + 2]
    return pair in ("\"'", "'\"") and _is_word(after)


def _opens_after(text: str, at: int, after: str) -> bool:
    """The quote stands where a word or a bracket begins."""
    before = text[at - 1 : at] if at else ""
    if not before or before in _OPENS_BEFORE:
        return True
    return _is_word(after) and (before.isspace() or text.startswith("&nbsp;", max(at - 6, 0), at))


def _single(text: str, at: int) -> str:
    after = text[at + 1 : at + 2]
    if _opens_together(text, at):
        return "‘"
    if at and _is_word(text[at - 1]) and _DECADE.match(text, at + 1):
        return "’"
    return "‘" if _opens_after(text, at, after) or after.isdigit() else "’"


def _double(text: str, at: int) -> str:
    after = text[at + 1 : at + 2]
    if _opens_together(text, at):
        return "“"
    if after.isspace() or (at == 0 and after and after in _POINTS):
        return "”"
    return "“" if _opens_after(text, at, after) else "”"
