"""Notify's part of the `colonnade` command."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from common.audit import Actor
from common.cli.command import Group
from common.cli.plugins import Plugin, Queue
from common.db import Tx
from services.notify.cli import guests, origins, settings, templates
from services.notify.cli.checks import CHECKS
from services.notify.cli.resealing import SEALED
from services.notify.cli.seed import seed_command
from services.notify.operations import flow as operations

__all__ = ["commands"]

_group = Group("notify", help="Templates, senders, guest lists and limits of services in Notify.")
for _command in (templates.group, origins.reply_to, origins.sms_sender, guests.group, settings.group):
    _group.add_command(_command)


async def _replay(tx: Tx, who: Actor, ids: Sequence[UUID] | None, limit: int) -> int:
    return await operations.replay(tx, who, ids=ids, topic=None, limit=limit)


commands = Plugin(
    name="notify",
    # templates also at the top: they are what most people come for
    commands=[_group, templates.group, seed_command],
    additions={"service": [settings.limits]},
    sealed=SEALED,
    queue=Queue(operations.WORK, _replay),
    checks=CHECKS,
)
