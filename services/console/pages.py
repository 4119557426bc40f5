"""The page at the root: what runs where, and how to begin."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response, get

from services.console.context import Call, context_of
from services.console.settings import ConsoleSettings

_HTML = Path(__file__).parent / "html"
_LOOK_TIMEOUT_S = 1.0


class Link(NamedTuple):
    """Something to go to, and what is there."""

    text: str
    url: str


class Part(NamedTuple):
    """A program of the suite. is_answering: None when it has no address here."""

    name: str
    purpose: str
    address: str | None
    is_answering: bool | None
    links: list[Link]


async def _answers(client: httpx.AsyncClient, address: str | None) -> bool | None:
    if address is None:
        return None
    try:
        return (await client.get(f"{address}/_status?simple=1")).status_code < 500
    except httpx.HTTPError:
        return False


def _api_links(address: str | None) -> list[Link]:
    if address is None:
        return []
    return [
        Link("API reference", f"{address}/docs/api"),
        Link("Errors", f"{address}/docs/errors"),
        Link("Status", f"{address}/_status"),
    ]


async def parts(settings: ConsoleSettings) -> list[Part]:
    """Every program of the suite, and whether it answers now."""
    addresses = (settings.notify_url, settings.pay_url, settings.forms_url, settings.inbox_url)
    # trust_env off: a proxy that the environment names does not stand between two programs of the suite
    async with httpx.AsyncClient(timeout=_LOOK_TIMEOUT_S, trust_env=False) as client:
        notify, pay, forms, inbox = await asyncio.gather(*(_answers(client, address) for address in addresses))
    inbox_links = [] if settings.inbox_url is None else [Link("Open the inbox", settings.inbox_url)]
    return [
        Part("Notify", "Sends e-mails and texts.", settings.notify_url, notify, _api_links(settings.notify_url)),
        Part("Pay", "Takes payments and gives refunds.", settings.pay_url, pay, _api_links(settings.pay_url)),
        Part("Forms", "Builds, publishes and runs forms.", settings.forms_url, forms, _api_links(settings.forms_url)),
        Part("Local inbox", "Shows what was sent from this machine.", settings.inbox_url, inbox, inbox_links),
    ]


@cache
def _style() -> str:
    return (_HTML / "console.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@get("/", include_in_schema=False)
async def home(request: Call) -> Response[bytes]:
    """What runs where."""
    found = await parts(context_of(request).settings)
    page = _environment().get_template("home.html").render(style=_style(), parts=found)
    headers = {"content-security-policy": _policy()}
    return Response(page.encode(), media_type="text/html", headers=headers)


ROUTES = [home]
