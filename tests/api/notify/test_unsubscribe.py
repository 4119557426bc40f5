"""One-click unsubscribe (contract 1.1, RFC 8058), the page behind the link, and the service's list."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common import clock, ids
from services.notify.unsubscribe import flow
from services.notify.unsubscribe.rules import VALID_S, Link, unsubscribe_url

NOT_VALID = {"unsubscribe request": "This is not a valid unsubscribe link."}
GONE = {"unsubscribe request": "This unsubscribe link is invalid or expired."}
ROOT = "https://notify.test"
_MESSAGE = """
insert into notify.messages (id, service_id, mode, key_type, channel, template_id, template_version, status,
    recipient_index, personal, created_at)
values ($1, $2, $3, $4, $5, $6, 3, 'delivered', '\\x01', '\\x02', $7)
"""


async def _a_message(notify: Any, service: UUID, *, mode: str = "live") -> Link:
    link = Link(ids.uuid7(), service, mode, ids.uuid7(), 3)
    await notify.db.pool.execute(_MESSAGE, link.message_id, service, mode, mode, "email", link.template_id, clock.now())
    return link


async def _requests(notify: Any, caller: dict[str, str], query: str = "") -> list[str]:
    answer = await notify.call("GET", f"/v1/unsubscribe-requests{query}", caller)
    assert answer.status_code == 200, answer.text
    return [request["message_id"] for request in answer.json()["unsubscribe_requests"]]


def _path(notify: Any, link: Link) -> str:
    return unsubscribe_url(notify.crypto, ROOT, link).removeprefix(ROOT)


async def test_one_click_needs_no_key_and_may_be_repeated(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    message = await _a_message(notify, service)
    for _ in range(2):
        answer = await notify.client.post(_path(notify, message), data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.json()) == (200, {"result": "success", "message": "Unsubscribe successful"})
    listed = (await notify.call("GET", "/v1/unsubscribe-requests", caller)).json()
    [request] = listed["unsubscribe_requests"]
    assert (request["message_id"], request["template_version"], listed["next"]) == (str(message.message_id), 3, None)
    assert datetime.fromisoformat(request["created_at"]) <= clock.now()


async def test_a_link_that_we_did_not_make_is_not_valid(notify: Any) -> None:
    service = await notify.a_service()
    link, other = await _a_message(notify, service), (await _a_message(notify, service)).message_id
    message = link.message_id
    token = _path(notify, link).rsplit("/", 1)[1]
    foreign = notify.crypto.sign("another:purpose", {"m": message.hex}, valid_s=60)
    for path in (
        f"/unsubscribe/{other}/{token}", f"/unsubscribe/{message}/{token[:-4]}AAAA", f"/unsubscribe/{message}/x",
        f"/unsubscribe/not-a-uuid/{token}", f"/unsubscribe/{message}/{foreign}", f"/unsubscribe/{message}/é",
    ):  # fmt: skip
        answer = await notify.client.post(path)
        assert (answer.status_code, answer.json()) == (404, {"result": "error", "message": NOT_VALID}), path
        page = await notify.client.get(path)
        assert (page.status_code, NOT_VALID["unsubscribe request"] in page.text) == (404, True)
    assert await _requests(notify, await notify.a_key(service)) == []


async def test_a_link_lasts_a_year(notify: Any) -> None:
    message = await _a_message(notify, await notify.a_service())
    # signed in the past, not opened in the future: identifiers never go back, and messages have no partition so far on
    with clock.shifted(timedelta(seconds=60 - VALID_S)):
        path = _path(notify, message)
    assert (await notify.client.post(path)).status_code == 200
    with clock.shifted(timedelta(seconds=-60 - VALID_S)):
        path = _path(notify, message)
    answer = await notify.client.post(path)
    assert (answer.status_code, answer.json()["message"]) == (404, GONE)


async def test_a_link_works_when_its_message_is_no_longer_kept(notify: Any) -> None:
    service = await notify.a_service()
    link = await _a_message(notify, service)
    await notify.db.pool.execute("delete from notify.messages where id = $1", link.message_id)
    assert (await notify.client.post(_path(notify, link))).status_code == 200
    assert await _requests(notify, await notify.a_key(service)) == [str(link.message_id)]


async def test_the_page_of_a_service_that_is_gone_does_not_work(notify: Any) -> None:
    page = await notify.client.get(_path(notify, Link(ids.uuid7(), ids.uuid7(), "live", ids.uuid7(), 1)))
    assert (page.status_code, GONE["unsubscribe request"] in page.text) == (404, True)


async def test_opening_the_link_only_asks_and_the_button_unsubscribes(notify: Any) -> None:
    service = await notify.a_service(name="Fishing <permits> & more")
    caller = await notify.a_key(service)
    path = _path(notify, await _a_message(notify, service))
    asked = await notify.client.get(path)
    assert asked.status_code == 200
    assert await _requests(notify, caller) == []
    assert "sent by <strong>Fishing &lt;permits&gt; &amp; more</strong>" in asked.text
    assert "Ministry of Permits" in asked.text
    action = re.search(r'<form method="post" action="([^"]+)"', asked.text)
    assert action is not None
    for _ in range(2):
        done = await notify.client.post(action[1])
        assert (done.status_code, "You have been unsubscribed" in done.text) == (200, True)
    assert len(await _requests(notify, caller)) == 1


async def test_pages_allow_their_own_style_and_nothing_else(notify: Any) -> None:
    path = _path(notify, await _a_message(notify, await notify.a_service()))
    for address in (path, f"{path}x"):
        page = await notify.client.get(address)
        style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert page.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "no-store" in page.headers["cache-control"]
        assert '<html lang="en">' in page.text
        assert "<script" not in page.text
        assert " style=" not in page.text


async def test_test_and_live_requests_are_listed_apart_and_by_service(notify: Any) -> None:
    service, other = await notify.a_service(), await notify.a_service()
    live, testing = await notify.a_key(service), await notify.a_key(service, kind="test")
    sent = {mode: await _a_message(notify, service, mode=mode) for mode in ("live", "test")}
    for message in (*sent.values(), await _a_message(notify, other)):
        await notify.client.post(_path(notify, message))
    assert await _requests(notify, live) == [str(sent["live"].message_id)]
    assert await _requests(notify, testing) == [str(sent["test"].message_id)]
    ada = await notify.an_operator(service, "notify:read")
    assert await _requests(notify, ada) == [str(sent["live"].message_id)]
    assert await _requests(notify, ada, "?mode=test") == [str(sent["test"].message_id)]
    for query in ("mode=both", "older_than=x"):
        assert (await notify.call("GET", f"/v1/unsubscribe-requests?{query}", ada)).status_code == 400


async def test_requests_are_read_page_by_page_newest_first(notify: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    service = await notify.a_service()
    caller = await notify.a_key(service)
    messages = [await _a_message(notify, service) for _ in range(3)]
    for message in messages:
        await notify.client.post(_path(notify, message))
    first = (await notify.call("GET", "/v1/unsubscribe-requests", caller)).json()
    assert [r["message_id"] for r in first["unsubscribe_requests"]] == [
        str(m.message_id) for m in (messages[2], messages[1])
    ]
    assert await _requests(notify, caller, f"?older_than={first['next']}") == [str(messages[0].message_id)]
