"""What a component adds to the command: found by the entry point group `colonnade.commands`, never imported by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import NamedTuple
from uuid import UUID

import click

from common.audit import Actor
from common.cli.checks import Check
from common.cli.session import Session
from common.db import Tx
from common.queue import WorkList
from common.tenancy.resealing import PLATFORM, Sealed

_GROUP = "colonnade.commands"
Replay = Callable[[Tx, Actor, Sequence[UUID] | None, int], Awaitable[int]]


class Queue(NamedTuple):
    """A component's work list. replay: put given-up work back (ids, or None for up to a number of all), audited."""

    work: WorkList
    replay: Replay


class Plugin(NamedTuple):
    """A component's part of the command.

    commands: top-level ones, usually one group named after the component. additions: group name → commands that stand
    in a group of the platform. checks: what `doctor` asks.
    """

    name: str
    commands: Sequence[click.Command]
    additions: Mapping[str, Sequence[click.Command]]
    sealed: Sequence[Sealed]
    queue: Queue | None
    checks: Sequence[Callable[[Session], Awaitable[list[Check]]]]


@cache
def plugins() -> list[Plugin]:
    """Every component that is installed, by name."""
    found = {entry.name: entry.load() for entry in entry_points(group=_GROUP)}
    return [found[name] for name in sorted(found)]


def queues() -> dict[str, Queue]:
    """Work lists by component."""
    return {plugin.name: plugin.queue for plugin in plugins() if plugin.queue is not None}


def sealed_tables() -> list[Sealed]:
    """Everything that stands under the key ring."""
    return [*PLATFORM, *(table for plugin in plugins() for table in plugin.sealed)]
