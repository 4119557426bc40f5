"""The links of a page: whatever the query, the first UUID of `next` is the one to follow (trap 4)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.notify.messages.flow import page_links

BASE = "https://notify.test/v2/notifications"
# as the official Python client looks for it
FIRST_UUID = re.compile("[0-F]{8}-[0-F]{4}-[0-F]{4}-[0-F]{4}-[0-F]{12}", re.I)

values = st.one_of(st.text(max_size=30), st.uuids().map(str), st.sampled_from(["delivered", "a&b=c", "ü#?", "1 2"]))
names = st.sampled_from(["reference", "status", "template_type", "include_jobs", "older_than", "service_id"])
queries = st.lists(st.tuples(names, values), max_size=8)


@given(queries, st.uuids(version=4))
def test_first_uuid_of_next_is_the_last_of_the_page(params: list[tuple[str, str]], last: UUID) -> None:
    found = FIRST_UUID.search(page_links(BASE, params, last)["next"])
    assert found is not None
    assert found.group(0) == str(last)


@given(queries, st.uuids(version=4))
def test_next_keeps_every_filter_and_replaces_older_than(params: list[tuple[str, str]], last: UUID) -> None:
    url = urlsplit(page_links(BASE, params, last)["next"])
    assert url._replace(query="").geturl() == BASE
    expected = [("older_than", str(last)), *(pair for pair in params if pair[0] != "older_than")]
    assert parse_qsl(url.query, keep_blank_values=True) == expected


@given(queries)
def test_empty_page_has_no_next_and_current_is_what_was_asked(params: list[tuple[str, str]]) -> None:
    links = page_links(BASE, params, None)
    assert set(links) == {"current"}
    assert parse_qsl(urlsplit(links["current"]).query, keep_blank_values=True) == params


def test_page_without_a_query_has_plain_links() -> None:
    last = UUID("0190163c-0000-7000-8000-000000000000")
    assert page_links(BASE, [], last) == {"current": BASE, "next": f"{BASE}?older_than={last}"}
