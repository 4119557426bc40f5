"""The link that takes a person off a service's e-mails: made for one message, by us only, good for a year. Pure."""

from __future__ import annotations

from uuid import UUID

import msgspec

from common.crypto import BadToken, Crypto

_PURPOSE = "notify:unsubscribe"
VALID_S = 365 * 24 * 60 * 60


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link is for. It says all that a request keeps, because links outlive the messages they came in."""

    message_id: UUID
    service_id: UUID
    mode: str
    template_id: UUID
    template_version: int


def unsubscribe_url(crypto: Crypto, public_url: str, link: Link) -> str:
    """The link for the headers and the foot of one e-mail (RFC 8058). public_url: without a slash at its end."""
    claims = {
        "l": [link.message_id.bytes, link.service_id.bytes, link.mode[0], link.template_id.bytes, link.template_version]
    }
    return f"{public_url}/unsubscribe/{link.message_id}/{crypto.sign(_PURPOSE, claims, valid_s=VALID_S)}"


def link_of(crypto: Crypto, message_id: str, token: str) -> Link:
    """What a link is for. Raises BadToken: malformed, forged, out of date, or of another message."""
    claims = crypto.verify(_PURPOSE, token)
    try:
        named = UUID(message_id)
    except ValueError:
        raise BadToken("malformed") from None
    message, service, mode, template, version = claims["l"]
    if message != named.bytes:
        raise BadToken("of another message")
    return Link(named, UUID(bytes=service), "test" if mode == "t" else "live", UUID(bytes=template), version)
