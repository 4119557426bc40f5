"""What the gateway says while a text is still on its way in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import msgspec

from deploy.local.inbox.archive import Archive, Arrival
from deploy.local.inbox.gateway import Gateway
from deploy.local.inbox.intake import Intake


class HeldIntake(Intake):
    """Lets nothing in until `go` is set."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive, None)
        self.go = asyncio.Event()
        self.reached = asyncio.Event()

    async def accept(self, arrivals: list[Arrival]) -> None:
        self.reached.set()
        await self.go.wait()
        await super().accept(arrivals)


async def test_a_text_that_is_still_arriving_is_not_called_unknown(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.open()
    intake = HeldIntake(archive)
    gateway = Gateway(intake, "")
    message = str(uuid4())
    body = msgspec.json.encode({"id": message, "to": "447700900140", "from": "TAX", "text": "Hello"})
    assert gateway.status_of(message).status == 404
    sending = asyncio.create_task(gateway.send(body, message))
    await intake.reached.wait()
    assert gateway.status_of(message).status == 503
    intake.go.set()
    assert (await sending).status == 202
    assert gateway.status_of(message).status == 200
    assert len(archive) == 1
