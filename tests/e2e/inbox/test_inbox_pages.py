"""The inbox's pages: in a plain client, and in a browser where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]
HOSTILE = """<!doctype html><html lang="en"><head><title>x</title></head><body><p>Fine</p>
<script>document.body.textContent = "taken over"</script><img src="{remote}" alt="far away">
<form action="/empty" method="post"><button>Go</button></form></body></html>"""


def fresh_id(inbox: Any, to: str) -> str:
    identifier: str = inbox.messages(to=to)[0]["id"]
    return identifier


def test_the_list_shows_newest_first_and_can_be_narrowed(inbox: Any) -> None:
    inbox.send("one@list.example.gov", subject="First subject")
    inbox.send("two@list.example.gov", subject="Second subject")
    inbox.text("447700900131", words="Words of a text")
    html = inbox.http.get("/").text
    assert html.index("Words of a text") < html.index("Second subject") < html.index("First subject")
    only = inbox.http.get("/", params={"to": "ONE@list"}).text
    assert "First subject" in only
    assert "Second subject" not in only
    texts = inbox.http.get("/", params={"channel": "sms"}).text
    assert "Words of a text" in texts
    assert "subject</a>" not in texts
    assert "No message matches" in inbox.http.get("/", params={"to": "nobody-at-all"}).text


def test_what_a_message_says_is_never_markup_of_ours(inbox: Any) -> None:
    inbox.send("markup@example.gov", subject='<script>alert("x")</script>')
    inbox.text("447700900132", words="<b>bold</b>")
    identifier = fresh_id(inbox, "markup@example.gov")
    for path in ("/", f"/messages/{identifier}", f"/messages/{identifier}?view=source"):
        assert "<script>alert" not in inbox.http.get(path).text
    assert "<b>bold</b>" not in inbox.http.get(f"/messages/{fresh_id(inbox, '07700900132')}").text


def test_every_page_has_a_strict_policy(inbox: Any) -> None:
    inbox.send("policy@example.gov")
    identifier = fresh_id(inbox, "policy@example.gov")
    for path in ("/", f"/messages/{identifier}", "/nothing-here"):
        headers = inbox.http.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
    nonces = {re.search("nonce-[^']+", inbox.http.get("/").headers["Content-Security-Policy"])[0] for _ in range(2)}
    assert len(nonces) == 2
    framed = inbox.http.get(f"/messages/{identifier}/html").headers["Content-Security-Policy"]
    assert framed.startswith("sandbox ")
    assert "allow-scripts" not in framed
    assert "allow-same-origin" not in framed
    assert "default-src 'none'" in framed


def test_a_message_can_be_seen_in_every_way_and_taken_home(inbox: Any) -> None:
    inbox.send("ways@example.gov")
    identifier = fresh_id(inbox, "ways@example.gov")
    assert f'src="/messages/{identifier}/html"' in inbox.http.get(f"/messages/{identifier}").text
    assert "Your tax is due." in inbox.http.get(f"/messages/{identifier}?view=text").text
    assert "Content-Type: multipart/alternative" in inbox.http.get(f"/messages/{identifier}?view=source").text
    raw = inbox.http.get(f"/messages/{identifier}/raw")
    assert raw.headers["Content-Disposition"].startswith("attachment;")
    assert raw.text == inbox.http.get(f"/api/messages/{identifier}").json()["raw"]


def test_a_text_shows_its_length(inbox: Any) -> None:
    inbox.text("447700900133", words="ŵ" * 71)
    assert "71 characters, 2 parts" in inbox.http.get(f"/messages/{fresh_id(inbox, '07700900133')}").text


def test_what_is_not_there_is_a_page_or_json(inbox: Any) -> None:
    page = inbox.http.get("/messages/none")
    assert (page.status_code, page.text.count("<h1>")) == (404, 1)
    assert inbox.http.get("/api/messages/none").json()["code"] == "not-found"
    assert inbox.http.get("/api/messages", params={"limit": "many"}).status_code == 400
    assert inbox.http.get("/api/messages", params={"channel": "pigeon"}).status_code == 400
    assert inbox.http.get("/static/../settings.py").status_code == 404


def test_new_messages_are_counted_from_the_one_that_is_shown(inbox: Any) -> None:
    inbox.send("count@new.example.gov")
    after = fresh_id(inbox, "count@new.example.gov")
    search = {"after": after, "to": "count@new"}
    assert inbox.http.get("/new", params=search).json() == {"new": 0}
    inbox.send("count@new.example.gov")
    inbox.send("other@example.gov")
    assert inbox.http.get("/new", params=search).json() == {"new": 1}


def test_only_its_own_page_can_empty_the_inbox(suite: Any, tmp_path: Path) -> None:
    with suite.running(suite.environment(tmp_path)) as inbox:
        inbox.send("ada@example.gov")
        for origin in ({}, {"Origin": "null"}, {"Origin": "http://attacker.example"}):
            assert inbox.http.post("/empty", headers=origin).status_code == 403
        assert len(inbox.messages()) == 1
        answer = inbox.http.post("/empty", headers={"Origin": inbox.url})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert inbox.messages() == []


def test_more_than_fifty_messages_make_a_second_page(suite: Any, tmp_path: Path) -> None:
    with suite.running(suite.environment(tmp_path)) as inbox:
        for number in range(52):
            inbox.text("447700900134", words=f"number {number}.")
        first = inbox.http.get("/").text
        assert first.count('class="row"') == 50
        older = re.search(r'href="([^"]*before=[^"]*)"', first)
        second = inbox.http.get(older[1].replace("&amp;", "&")).text
        assert second.count('class="row"') == 2
        assert "number 0." in second


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: the pages are not tried in a browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


def faults_of(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA and best practice."""
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_fit_the_screen(browser: Browser, inbox: Any, width: int) -> None:
    inbox.send("a-very-long-mailbox-name.that.goes.on@department-for-long-names.example.gov", subject="Long " * 40)
    inbox.text("447700900135", words="https://example.gov/" + "a" * 200)
    email, text = (found["id"] for found in reversed(inbox.messages(limit=2)))
    paths = ["/", f"/messages/{email}", f"/messages/{email}?view=text", f"/messages/{email}?view=source"]
    paths += [f"/messages/{text}", f"/messages/{text}?view=source", "/?to=nobody-at-all", "/nothing-here"]
    page = browser.new_page(viewport={"width": width, "height": 900})
    for path in paths:
        page.goto(f"{inbox.url}{path}")
        assert faults_of(page) == [], path
        assert page.locator("h1").count() == 1, path
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
    page.close()


def test_the_empty_inbox_is_accessible_and_fills_itself(browser: Browser, suite: Any, tmp_path: Path) -> None:
    with suite.running(suite.environment(tmp_path)) as inbox:
        page = browser.new_page()
        page.goto(inbox.url)
        assert page.get_by_text("make run").is_visible()
        assert faults_of(page) == []
        inbox.send("ada@example.gov", subject="The first")
        page.get_by_role("link", name="The first").wait_for(timeout=10_000)
        inbox.send("ada@example.gov", subject="The second")
        page.get_by_role("link", name="1 new message").click()
        page.get_by_role("link", name="The second").wait_for(timeout=10_000)
        page.get_by_text("Empty the inbox").first.click()
        page.get_by_role("button", name="Empty the inbox").click()
        page.get_by_role("heading", name="Nothing has arrived yet").wait_for(timeout=10_000)
        page.close()


def test_the_pages_work_without_script(browser: Browser, inbox: Any) -> None:
    inbox.send("plain@example.gov", subject="Without script")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(inbox.url)
    page.get_by_label("Search by recipient").fill("plain@")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Without script").click()
    page.get_by_role("link", name="Text", exact=True).click()
    assert page.get_by_role("region", name="The e-mail as text").inner_text().startswith("Dear Ada")
    context.close()


def test_a_hostile_email_runs_nothing_and_fetches_nothing(
    browser: Browser, inbox: Any, notify: Any, suite: Any
) -> None:
    email = suite.an_email("hostile@example.gov", str(uuid4()))
    email.get_payload()[1].set_content(HOSTILE.format(remote=f"http://127.0.0.1:{notify.port}/x.png"), subtype="html")
    with inbox.smtp() as server:
        server.send_message(email)
    page = browser.new_page()
    page.goto(f"{inbox.url}/messages/{fresh_id(inbox, 'hostile@example.gov')}", wait_until="networkidle")
    assert page.frame_locator("iframe").locator("p").inner_text() == "Fine"
    page.goto(f"{inbox.url}/messages/{fresh_id(inbox, 'hostile@example.gov')}/html", wait_until="networkidle")
    assert page.locator("p").inner_text() == "Fine"
    assert ("/x.png", None) not in notify.calls
    page.close()
