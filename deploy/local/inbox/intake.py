"""The one way in: a message is kept first, then its receipt is queued."""

from __future__ import annotations

import asyncio

from deploy.local.inbox.archive import Archive, Arrival
from deploy.local.inbox.receipts import ReceiptPoster


class Intake:
    """Takes messages from the mail server and the text gateway. receipts: None if nobody wants any."""

    def __init__(self, archive: Archive, receipts: ReceiptPoster | None) -> None:
        self.archive = archive
        self._receipts = receipts
        self._running: set[asyncio.Task[None]] = set()

    async def accept(self, arrivals: list[Arrival]) -> None:
        """Keep messages and queue their receipts. Raises OSError if they could not be kept.

        Shielded: a sender that hangs up at the wrong moment must not leave a message without its receipt.
        """
        task = asyncio.create_task(self._accept(arrivals))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _accept(self, arrivals: list[Arrival]) -> None:
        await self.archive.add(arrivals)
        if self._receipts is not None:
            for kept, _ in arrivals:
                self._receipts.offer(kept)

    async def finish(self) -> None:
        """Wait for messages that are on their way to the disk."""
        await asyncio.gather(*self._running, return_exceptions=True)
