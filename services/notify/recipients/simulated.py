"""Recipients that stand for an outcome instead of a person (contract 1.3)."""

from __future__ import annotations

from services.notify.recipients.normal import Channel

SMOKE_NUMBERS = frozenset({"447700900000", "447700900111", "447700900222"})
SMOKE_ADDRESSES = frozenset(
    {
        "simulate-delivered@notifications.service.gov.uk",
        "simulate-delivered-2@notifications.service.gov.uk",
        "simulate-delivered-3@notifications.service.gov.uk",
    }
)

_OUTCOMES_BY_ENDING = {"7700900003": "temporary-failure", "7700900002": "permanent-failure"}
_OUTCOMES_BY_ADDRESS = {
    "temp-fail@simulator.notify": "temporary-failure",
    "perm-fail@simulator.notify": "permanent-failure",
}


def is_smoke_recipient(normalised: str) -> bool:
    """Whether a message to this recipient gets its full answer but is neither kept, sent nor counted.

    normalised: as normalise() gives it; a number and an address cannot be mistaken for each other.
    """
    return normalised in SMOKE_NUMBERS or normalised in SMOKE_ADDRESSES


def outcome_with_test_key(channel: Channel, normalised: str) -> str:
    """The final status that a message sent with a test key comes to.

    delivered | temporary-failure | permanent-failure; a phone number is read by its last ten digits.
    """
    if channel == "sms":
        return _OUTCOMES_BY_ENDING.get(normalised[-10:], "delivered")
    return _OUTCOMES_BY_ADDRESS.get(normalised, "delivered")
