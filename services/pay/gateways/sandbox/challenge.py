"""The page of the payer's pretended bank: authenticate, fail or cancel. No script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.pay.gateways.protocol import Language
from services.pay.gateways.sandbox.provider import Challenge

_HTML = Path(__file__).parent / "html"
_pages = Environment(loader=FileSystemLoader(_HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_CSS = (_HTML / "challenge.css").read_text(encoding="utf-8")
_STYLE = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()

# The browsers' form-action also covers the redirect that answers the form, so the team's site must be let through.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE}'; form-action 'self' https: http:; "
    "base-uri 'none'; frame-ancestors 'self'"
)

_TEXTS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "title": "Is it you?",
        "lead": "This is a test. It stands for the page where a card’s bank asks the cardholder to prove who they are.",
        "amount": "Amount",
        "card": "Card ending in",
        "authenticate": "Authenticate",
        "fail": "Fail",
        "cancel": "Cancel",
        "answered": "This question has been answered.",
        "on": "Continue",
    },
    "cy": {
        "title": "Ai chi sydd yno?",
        "lead": "Prawf yw hwn. Mae’n cynrychioli’r dudalen lle mae banc y cerdyn yn gofyn i ddeiliad y cerdyn "
        "brofi pwy ydyw.",
        "amount": "Swm",
        "card": "Cerdyn yn gorffen gyda",
        "authenticate": "Dilysu",
        "fail": "Methu",
        "cancel": "Canslo",
        "answered": "Mae’r cwestiwn hwn wedi’i ateb.",
        "on": "Parhau",
    },
    "es": {
        "title": "¿Es usted?",
        "lead": "Esto es una prueba. Representa la página en la que el banco de la tarjeta pide al titular que "
        "demuestre quién es.",
        "amount": "Importe",
        "card": "Tarjeta terminada en",
        "authenticate": "Autenticar",
        "fail": "Fallar",
        "cancel": "Cancelar",
        "answered": "Esta pregunta ya se ha contestado.",
        "on": "Continuar",
    },
}


def challenge_page(challenge: Challenge, *, action: str, language: Language = "en") -> str:
    """The page as HTML, to be sent with POLICY. The form posts `answer` = authenticate, fail or cancel to `action`."""
    return _pages.get_template("challenge.html").render(
        challenge=challenge,
        amount=f"{challenge.amount_minor // 100}.{challenge.amount_minor % 100:02} {challenge.currency}",
        action=action,
        language=language,
        texts=_TEXTS[language],
        css=Markup(_CSS),  # noqa: S704 - our own file
    )
