"""The document around an e-mail's body."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from services.notify.rendering import email_document, email_plain, ink_on


class Outline(HTMLParser):
    """Every tag with its attributes, and all text, by tag."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(**changes: str) -> Outline:
    settings = {"subject": "Hi", "organisation_name": "Ministry", "brand_colour": "#1d70b8", **changes}
    return Outline(email_document("<p>Body</p>", **settings))


def test_the_document_is_closed_and_names_language_title_and_organisation() -> None:
    seen = outline(language="cy", subject="Tax & <you>")
    assert seen.open == []
    assert ("html", {"lang": "cy", "dir": "auto"}) in seen.tags
    assert {"Tax & <you>", "Ministry", "Body"} <= set(seen.words)


def test_layout_tables_say_that_they_are_no_tables() -> None:
    tables = [attributes for tag, attributes in outline().tags if tag == "table"]
    assert tables
    assert all(attributes["role"] == "presentation" for attributes in tables)
    assert any("max-width: 580px" in (attributes.get("style") or "") for attributes in tables)


@pytest.mark.parametrize(
    ("colour", "ink"),
    [("#000000", "#FFFFFF"), ("#ffffff", "#000000"), ("#1d70b8", "#FFFFFF"), ("#ffdd00", "#000000")],
)
def test_text_on_the_brand_colour_can_be_read(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink
    assert f"color: {ink};" in email_document("", subject="", organisation_name="x", brand_colour=colour)


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#1d70b8;", '#1d70b"', "#1d70bg"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        outline(brand_colour=colour)


def test_names_cannot_break_out_of_the_document() -> None:
    nasty = '"><script>x</script>'
    seen = outline(organisation_name=nasty, subject=nasty, preheader=nasty, language=nasty, unsubscribe_url=nasty)
    assert [tag for tag, _ in seen.tags if tag == "script"] == []
    assert seen.words.count(nasty) == 3


def test_the_way_out_is_linked_in_both_parts() -> None:
    url = "https://a.b/u?x=1&y=2"
    links = [attributes["href"] for tag, attributes in outline(unsubscribe_url=url).tags if tag == "a"]
    assert links == [url]
    assert email_plain("Hi\n", url) == f"Hi\n\n{('=-' * 33)[:65]}\n\nUnsubscribe from these emails: {url}\n"
    assert email_plain("Hi\n") == "Hi\n"


def test_the_preheader_comes_first_and_is_hidden() -> None:
    document = email_document("x", subject="s", organisation_name="o", brand_colour="#000000", preheader="Soon")
    assert document.index("Soon") < document.index("<table")
    assert "display: none" in document
