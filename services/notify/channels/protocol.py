"""What Notify asks of anything that carries its messages out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from common.errors import ProviderError


class OutgoingEmail(msgspec.Struct, frozen=True):
    """An e-mail ready to leave.

    to, envelope_from: bare addresses of the SMTP envelope.
    data: the whole RFC 5322 message with CRLF line ends, not dot-stuffed.
    """

    id: UUID
    to: str
    envelope_from: str
    data: bytes


class OutgoingText(msgspec.Struct, frozen=True):
    """A text ready to leave. to: digits, E.164 without the plus."""

    id: UUID
    to: str
    sender: str
    text: str


class Accepted(msgspec.Struct, frozen=True):
    """The provider took the message. provider_reference: its own name for it, None if it gave none."""

    provider_reference: str | None


# One per message, in the same order; refusals are returned, not raised.
Outcome = Accepted | ProviderError


class EmailChannel(Protocol):
    """A way out for e-mail.

    reports_receipts: what became of each message is posted back later; else acceptance is all we learn.
    chunk: the most messages that one `send_many` may take.
    """

    name: str
    reports_receipts: bool
    chunk: int

    async def send_many(self, messages: Sequence[OutgoingEmail]) -> list[Outcome]:
        """Hand the messages over, each on its own merits."""
        ...

    async def close(self) -> None:
        """Finish what is in hand and let go of all connections."""
        ...


class TextChannel(Protocol):
    """A way out for texts; attributes as in EmailChannel."""

    name: str
    reports_receipts: bool
    chunk: int

    async def send_many(self, messages: Sequence[OutgoingText]) -> list[Outcome]:
        """Hand the texts over, each on its own merits."""
        ...

    async def ask(self, message: UUID) -> str | None:
        """What became of a text, asked by our id after a crash.

        The provider's reference if it was taken, None if the gateway never saw it. Raises TransientProviderError.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
