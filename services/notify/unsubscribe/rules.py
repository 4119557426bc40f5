"""The link that takes a person off a service's e-mails: made for one message, by us only, good for a year. Pure."""

from __future__ import annotations

from uuid import UUID

from common.crypto import BadToken, Crypto

_PURPOSE = "notify:unsubscribe"
VALID_S = 365 * 24 * 60 * 60


def unsubscribe_url(crypto: Crypto, public_url: str, message_id: UUID) -> str:
    """The link for the headers and the foot of one e-mail (RFC 8058). public_url: without a slash at its end."""
    token = crypto.sign(_PURPOSE, {"m": message_id.hex}, valid_s=VALID_S)
    return f"{public_url}/unsubscribe/{message_id}/{token}"


def message_of(crypto: Crypto, message_id: str, token: str) -> UUID:
    """The message that a link is for. Raises BadToken: malformed, forged, out of date, or of another message."""
    claims = crypto.verify(_PURPOSE, token)
    try:
        named = UUID(message_id)
    except ValueError:
        raise BadToken("malformed") from None
    if claims.get("m") != named.hex:
        raise BadToken("of another message")
    return named
