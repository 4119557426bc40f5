"""Test recipients: addresses and numbers that do not simply succeed."""

from __future__ import annotations

from collections import OrderedDict

from deploy.local.inbox.messages import Outcome

BUSY_TIMES = 2  # refusals before a busy recipient gives in
LIMITED_TIMES = 1
_REMEMBERED = 10_000  # messages whose refusals are counted at one time


def _local_part(address: str) -> str:
    return address.rpartition("@")[0].casefold()


def has_no_mailbox(address: str) -> bool:
    """`bounce…@`: refused at once with 550."""
    return _local_part(address).startswith("bounce")


def is_busy(address: str) -> bool:
    """`busy…@`: put off with 451 twice for a message, then accepted."""
    return _local_part(address).startswith("busy")


def outcome_of_email(address: str) -> Outcome:
    """What becomes of an accepted e-mail: `hard-bounce…@` and `soft-bounce…@` fail later, all others arrive."""
    local = _local_part(address)
    if local.startswith("hard-bounce"):
        return "permanent-failure"
    return "temporary-failure" if local.startswith("soft-bounce") else "delivered"


def outcome_of_text(number: str) -> Outcome:
    """What becomes of an accepted text: numbers ending 7700900002 and 7700900003 fail later, all others arrive."""
    if number.endswith("7700900002"):
        return "permanent-failure"
    return "temporary-failure" if number.endswith("7700900003") else "delivered"


def is_unknown_number(number: str) -> bool:
    """A number ending 7700900404 is refused for good."""
    return number.endswith("7700900404")


def is_failing_number(number: str) -> bool:
    """A number ending 7700900500: the gateway fails twice for a message, then accepts it."""
    return number.endswith("7700900500")


def is_limited_number(number: str) -> bool:
    """A number ending 7700900429: the gateway asks once for a message to come again later."""
    return number.endswith("7700900429")


class Refusals:
    """Counts how often each message was put off, so that the next try can be let in."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def put_off(self, key: str, times: int) -> bool:
        """Whether this try is to be put off; True `times` times for a key, then False."""
        count = self._counts.get(key, 0) + 1
        self._counts[key] = count
        self._counts.move_to_end(key)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return count <= times
