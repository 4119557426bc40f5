"""Blocks as an e-mail's HTML and as its plain text."""

from __future__ import annotations

from typing import Protocol

from services.notify.rendering.blocks import (
    Block,
    Bullets,
    Document,
    Gap,
    Heading,
    Inset,
    Item,
    Paragraph,
    Raw,
    References,
    Rule,
    Words,
    parse,
)
from services.notify.rendering.escaping import quoted_href, with_scheme
from services.notify.rendering.inline import InlineWriter, write_inline

_INK = "color: #0B0C0C;"
_BODY_TYPE = f"font-size: 19px; line-height: 25px; {_INK}"
_LINK = "word-wrap: break-word; color: #1D70B8;"
_PARAGRAPH = f"Margin: 0 0 20px 0; {_BODY_TYPE}"
_HEADING_BOX = "Margin: 0 0 15px 0; padding: 10px 0 0 0;"
_H2 = f"{_HEADING_BOX} font-size: 27px; line-height: 35px; font-weight: bold; {_INK}"
_H3 = f"{_HEADING_BOX} font-size: 19px; line-height: 25px; font-weight: bold; {_INK}"
_INSET = (
    "Margin: 0 0 20px 0; border-left: 10px solid #B1B4B6;"
    "padding: 15px 0 0.1px 15px; font-size: 19px; line-height: 25px;"
)
_RULE = '<hr style="border: 0; height: 1px; background: #B1B4B6; Margin: 30px 0 30px 0;">'
_LIST_TABLE = '<table role="presentation" style="padding: 0 0 20px 0;"><tr>'
_LIST_CELL = '<td style="font-family: Helvetica, Arial, sans-serif;">'
_LIST = "Margin: 0 0 0 20px; padding: 0; list-style-type:"
_ITEM = f"Margin: 5px 0 5px; padding: 0 0 0 5px; font-size: 19px;line-height: 25px; {_INK}"

TEXT_WIDTH = 65
TEXT_RULE = ("=-" * TEXT_WIDTH)[:TEXT_WIDTH]


class Writer(InlineWriter, Protocol):
    """One channel's way to write blocks."""

    rule: str

    def heading(self, level: int, words: str) -> str: ...

    def paragraph(self, words: str) -> str: ...

    def inset(self, body: str) -> str: ...

    def bullets(self, items: list[str], *, ordered: bool) -> str: ...


class HtmlWriter:
    """HTML with inline styles (mail programs drop style sheets). The text it is given is escaped already."""

    line_break = "<br />"
    rule = _RULE

    def heading(self, level: int, words: str) -> str:
        if level == 1:
            return f'<h2 style="{_H2}">{words}</h2>'
        return f'<h3 style="{_H3}">{words}</h3>' if level == 2 else self.paragraph(words)

    def paragraph(self, words: str) -> str:
        return f'<p style="{_PARAGRAPH}">{words}</p>' if words.strip() else ""

    def inset(self, body: str) -> str:
        return f'<blockquote style="{_INSET}">{body}</blockquote>'

    def bullets(self, items: list[str], *, ordered: bool) -> str:
        tag, marks = ("ol", "decimal") if ordered else ("ul", "disc")
        body = "".join([f'<li style="{_ITEM}">{item}</li>' for item in items])
        return f'{_LIST_TABLE}{_LIST_CELL}<{tag} style="{_LIST} {marks};">{body}</{tag}></td></tr></table>'

    def link(self, target: str, title: str | None, words: str) -> str:
        # a quote in a title would end the attribute: only there is it escaped
        titled = f' title="{title.replace(chr(34), "&quot;")}"' if title else ""
        href = quoted_href(with_scheme(target))
        return f'<a style="{_LINK}" href="{href}"{titled}>{words or target}</a>'

    def bare_address(self, address: str) -> str:
        return self.link(address, None, address)


class TextWriter:
    """The plain text part: what a screen or a braille line shows without any markup."""

    line_break = "\n"
    rule = f"\n\n{TEXT_RULE}"

    def heading(self, level: int, words: str) -> str:
        if level > 2:
            return self.paragraph(words)
        return f"\n\n\n{words}\n{('=' if level == 1 else '-') * TEXT_WIDTH}"

    def paragraph(self, words: str) -> str:
        return f"\n\n{words}" if words.strip() else ""

    def inset(self, body: str) -> str:
        return body

    def bullets(self, items: list[str], *, ordered: bool) -> str:
        marked = [f"\n{f'{number}.' if ordered else '•'} {item}" for number, item in enumerate(items, 1)]
        return "\n" + "".join(marked)

    def link(self, target: str, title: str | None, words: str) -> str:
        return f"{words}{f' ({title})' if title else ''}: {target}"

    def bare_address(self, address: str) -> str:
        return address


def write_markdown(text: str, writer: Writer) -> str:
    """A whole body in a channel's form."""
    document: Document = parse(text)
    return _blocks(document.blocks, writer, document.references, tight=False)


def _blocks(blocks: list[Block], writer: Writer, references: References, *, tight: bool) -> str:
    """`tight`: a list item without blank lines, whose lines are not paragraphs."""
    out: list[str] = []
    lines: list[str] = []
    for block in [*blocks, None]:
        if isinstance(block, Words):
            lines.append(block.text)
            continue
        if lines:
            words = write_inline("\n".join(lines), writer, references)
            out.append(words if tight else writer.paragraph(words))
            lines = []
        if block is not None:
            out.append(_block(block, writer, references))
    return "".join(out)


def _block(block: Block, writer: Writer, references: References) -> str:
    match block:
        case Heading():
            return writer.heading(block.level, write_inline(block.text, writer, references))
        case Paragraph() | Words():
            return writer.paragraph(write_inline(block.text, writer, references))
        case Raw():
            return block.text
        case Gap():
            return writer.line_break
        case Rule():
            return writer.rule
        case Inset():
            return writer.inset(_blocks(block.blocks, writer, references, tight=False))
        case Bullets():
            items = [_item(item, writer, references) for item in block.items]
            return writer.bullets(items, ordered=block.ordered)


def _item(item: Item, writer: Writer, references: References) -> str:
    return _blocks(item.blocks, writer, references, tight=not item.loose).strip()
