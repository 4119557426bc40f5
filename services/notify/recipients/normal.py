"""One form per recipient, for team and guest lists and for the blind index."""

from __future__ import annotations

from typing import Literal

from services.notify.recipients.email import normalise_email
from services.notify.recipients.phone import parse_phone

Channel = Literal["email", "sms"]


def normalise(channel: Channel, raw: str) -> str:
    """The form in which two spellings of one recipient are equal: `447700900123` or a lower-case address.

    Raises InvalidPhone or InvalidEmail.
    """
    if channel == "sms":
        return parse_phone(raw).e164
    return normalise_email(raw)
