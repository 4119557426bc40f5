"""What the inbox knows of a message without opening its body, and how a person looks for one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Literal

import msgspec

Channel = Literal["email", "sms"]
Outcome = Literal["delivered", "permanent-failure", "temporary-failure"]

_NOT_DIGITS = re.compile(r"\D+")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one recipient, as listed.

    sender: the From header of an e-mail, or the name that a text shows.
    title: the subject of an e-mail, or the first words of a text.
    message: the sending system's own id, None if the message does not carry one.
    reference: the id under which the inbox accepted it, given to the sender.
    outcome: what the delivery receipt says.
    """

    id: str
    channel: Channel
    to: str
    sender: str
    title: str
    message: str | None
    reference: str
    outcome: Outcome
    received_at: datetime


def phone_key(number: str) -> str:
    """The digits that tell two phone numbers apart: without plus, leading zeros or the British 44."""
    return _NOT_DIGITS.sub("", number).lstrip("0").removeprefix("44").lstrip("0")


def address_key(address: str) -> str:
    """An e-mail address without the differences that people do not mean.

    An address holds no space, so a space is a plus sign that somebody did not escape in a query string.
    """
    return address.strip().replace(" ", "+").casefold()


def is_for(kept: Kept, recipient: str) -> bool:
    """Whether a message went to exactly this recipient."""
    if kept.channel == "email":
        return address_key(kept.to) == address_key(recipient)
    key = phone_key(recipient)
    return "@" not in recipient and key != "" and phone_key(kept.to) == key


def is_like(kept: Kept, words: str) -> bool:
    """Whether part of a message's recipient matches what a person typed."""
    if kept.channel == "email":
        return address_key(words) in address_key(kept.to)
    key = phone_key(words)
    return "@" not in words and key != "" and key in phone_key(kept.to)


def of_channel(messages: Iterable[Kept], channel: str | None) -> Iterator[Kept]:
    """The messages of one channel, or of all if None."""
    return (kept for kept in messages if channel is None or kept.channel == channel)


def first(messages: Iterable[Kept], count: int) -> list[Kept]:
    """At most `count` messages from the front."""
    return list(islice(messages, count))
