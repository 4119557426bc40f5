"""The inbox for people: the list, one message, and the e-mail itself in a frame that can do nothing."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import Parameter
from litestar.response import Redirect

from common import clock
from deploy.local.inbox.api import AnyRequest
from deploy.local.inbox.archive import Archive
from deploy.local.inbox.gateway import text_of
from deploy.local.inbox.mail import Opened, open_email
from deploy.local.inbox.messages import Channel, Kept, first, is_like, of_channel
from deploy.local.inbox.shield import EMAIL_POLICY, page_policy
from deploy.local.inbox.texts import count_parts

View = Literal["html", "text", "source"]
_HERE = Path(__file__).parent
_ON_A_PAGE = 50
_STATIC = {"inbox.css": "text/css", "inbox.js": "text/javascript", "inbox.svg": "image/svg+xml"}
_HEAD_OR_HTML = re.compile(r"<head\b[^>]*>|<html\b[^>]*>|<!doctype\b[^>]*>", re.IGNORECASE)
_HEADERS_SHOWN = ("Reply-To", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted")


def _local_time(moment: datetime) -> str:
    here = moment.astimezone()
    is_today = here.date() == clock.now().astimezone().date()
    return here.strftime("%H:%M:%S") if is_today else f"{here.day} {here.strftime('%b, %H:%M')}"


def _name_only(sender: str) -> str:
    """The name before an address, or whatever there is."""
    return parseaddr(sender)[0] or sender


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def static_file(name: str) -> bytes:
    """A style sheet, script or picture of ours."""
    return (_HERE / "static" / name).read_bytes()


def _static_url(name: str) -> str:
    return f"/static/{name}?v={hashlib.sha256(static_file(name)).hexdigest()[:12]}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(local_time=_local_time, iso=_iso, name_only=_name_only)
    made.globals.update(static_url=_static_url)
    return made


_templates = _environment()


def page(template: str, *, status: int = 200, **values: Any) -> Response[bytes]:
    """Render one of our pages under its own policy."""
    nonce = secrets.token_urlsafe(16)
    html = _templates.get_template(template).render(nonce=nonce, **values)
    return Response(
        html.encode(),
        status_code=status,
        media_type="text/html",
        headers={"Content-Security-Policy": page_policy(nonce)},
    )


class Search(msgspec.Struct, frozen=True):
    """What a person asked to see."""

    to: str = ""
    channel: Channel | None = None

    def run(self, archive: Archive) -> Iterator[Kept]:
        """The messages asked for, newest first."""
        found = of_channel(archive.newest_first(), self.channel)
        return (kept for kept in found if is_like(kept, self.to)) if self.to else found

    def url(self, path: str = "/", **changes: str | None) -> str:
        """This search as a link, with some of it changed."""
        asked = {"to": self.to, "channel": self.channel, **changes}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{path}?{query}" if query else path


def _search(to: str, channel: str) -> Search:
    return Search(to.strip(), "email" if channel == "email" else "sms" if channel == "sms" else None)


@get("/", media_type="text/html")
async def show_list(archive: Archive, to: str = "", channel: str = "", before: str = "") -> Response[bytes]:
    """The list, newest first, fifty on a page."""
    search = _search(to, channel)
    found = (kept for kept in search.run(archive) if not before or kept.id < before)
    rows = first(found, _ON_A_PAGE + 1)
    newest = next(archive.newest_first(), None)
    return page(
        "list.html",
        search=search,
        rows=rows[:_ON_A_PAGE],
        older=search.url(before=rows[_ON_A_PAGE - 1].id) if len(rows) > _ON_A_PAGE else None,
        is_first=not before,
        total=len(archive),
        newest=newest.id if newest else "",
    )


@get("/new")
async def count_new(archive: Archive, after: str = "", to: str = "", channel: str = "") -> dict[str, int]:
    """How many messages came after one that the page already shows."""
    count = 0
    for kept in _search(to, channel).run(archive):
        if kept.id <= after:
            break
        count += 1
    return {"new": count}


async def _open(archive: Archive, message: str) -> tuple[Kept, bytes]:
    kept, raw = archive.find(message), await archive.raw(message)
    if kept is None or raw is None:
        raise HTTPException("This message is no longer in the inbox.", status_code=404)
    return kept, raw


def _main_headers(opened: Opened) -> list[tuple[str, str]]:
    return [(name, value) for name in _HEADERS_SHOWN if (value := opened.headers.get(name))]


@get("/messages/{message:str}", media_type="text/html")
async def show_message(archive: Archive, message: str, view: str = "") -> Response[bytes]:
    """One message: an e-mail as rendered, as text or as source; a text as a phone shows it or as the call."""
    kept, raw = await _open(archive, message)
    source = raw.decode("utf-8", "replace")
    if kept.channel == "sms":
        words = text_of(raw)
        return page("text.html", kept=kept, words=words, parts=count_parts(words), source=source, view=view)
    opened = open_email(raw)
    views: list[View] = ["source"]
    if opened.text is not None:
        views.insert(0, "text")
    if opened.html is not None:
        views.insert(0, "html")
    return page(
        "email.html",
        kept=kept,
        subject=opened.headers.get("Subject") or "",
        opened=opened,
        headers=_main_headers(opened),
        source=source,
        views=views,
        view=view if view in views else views[0],
    )


def framed(html: str) -> str:
    """An e-mail's HTML with its links sent to a new window: inside the frame they would be blocked."""
    places = list(_HEAD_OR_HTML.finditer(html[:4096]))
    at = places[-1].end() if places else 0
    return f'{html[:at]}<base target="_blank">{html[at:]}'


@get("/messages/{message:str}/html")
async def show_html(archive: Archive, message: str) -> Response[bytes]:
    """The e-mail itself, for the frame."""
    _, raw = await _open(archive, message)
    html = open_email(raw).html
    if html is None:
        raise HTTPException("This message has no HTML part.", status_code=404)
    return Response(
        framed(html).encode("utf-8", "replace"),
        media_type="text/html",
        headers={
            "Content-Security-Policy": EMAIL_POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
        },
    )


@get("/messages/{message:str}/raw")
async def download(archive: Archive, message: str) -> Response[bytes]:
    """The message as a file: .eml for an e-mail, .json for a text."""
    kept, raw = await _open(archive, message)
    ending, kind = ("eml", "message/rfc822") if kept.channel == "email" else ("json", "application/json")
    return Response(
        raw,
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{kept.id}.{ending}"'},
    )


@post("/empty")
async def empty_by_hand(
    request: AnyRequest, archive: Archive, origin: Annotated[str, Parameter(header="Origin")] = ""
) -> Redirect:
    """Remove everything, if the form was sent from our own page."""
    if origin != f"http://{request.headers.get('Host', '')}":
        raise HTTPException("The inbox can only be emptied from its own page.", status_code=403)
    await archive.empty()
    return Redirect("/", status_code=303)


@get("/static/{name:str}")
async def show_static(name: str) -> Response[bytes]:
    """Our style sheet, script and picture."""
    if name not in _STATIC:
        raise HTTPException("There is no such file.", status_code=404)
    return Response(
        static_file(name),
        media_type=_STATIC[name],
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


pages = Router(
    "/",
    route_handlers=[
        show_list,
        count_new,
        show_message,
        show_html,
        download,
        empty_by_hand,
        show_static,
    ],
)
