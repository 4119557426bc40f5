"""The pages behind the link: ask, done, does not work. No script, nothing fetched, one style known by its hash."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from markupsafe import Markup

from common.auth.principals import Service
from services.notify.rendering import ink_on

_HTML = Path(__file__).parent / "html"
_pages = Environment(loader=FileSystemLoader(_HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_CSS = (_HTML / "page.css").read_text(encoding="utf-8")
_OWN_COLOUR = "#1d4f91"


@lru_cache(maxsize=256)
def _style(colour: str) -> tuple[Markup, str]:
    """The style in an organisation's colour, and the policy that lets this one style in and nothing else."""
    css = _CSS.replace("BRAND", colour).replace("INK", ink_on(colour))
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Markup(css), policy  # noqa: S704 - our own file and a checked colour


def _page(name: str, *, status: int, sender: Service | None, **values: str) -> Response[str]:
    organisation = sender.organisation if sender is not None else None
    css, policy = _style(organisation.colour if organisation is not None else _OWN_COLOUR)
    text = _pages.get_template(name).render(
        css=css, organisation=organisation.name if organisation is not None else None, **values
    )
    headers = {"content-security-policy": policy, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)


def ask(sender: Service, action: str) -> Response[str]:
    """Does the person want to leave this service's e-mails? action: where the form posts to."""
    return _page("confirm.html", status=200, sender=sender, service=sender.name, action=action)


def done(sender: Service) -> Response[str]:
    """The service has been told."""
    return _page("done.html", status=200, sender=sender, service=sender.name)


def does_not_work(reason: str) -> Response[str]:
    """The link is forged, out of date, or cut short."""
    return _page("invalid.html", status=404, sender=None, reason=reason)
