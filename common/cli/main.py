"""`colonnade`, put together."""

from __future__ import annotations

import logging
import sys

import click
import structlog

from common.cli import audit, backup, database, doctor, keys, members, operators, organisations, queue, ring, services
from common.cli.command import Group, Root
from common.cli.plugins import plugins

_GROUPS: list[Group] = [
    organisations.group,
    services.group,
    members.group,
    keys.group,
    operators.group,
    ring.group,
    audit.group,
    queue.group,
]
_COMMANDS: list[click.Command] = [database.migrate, doctor.doctor, backup.backup, backup.restore]


def build() -> Root:
    """The command with what every installed component adds."""
    root = Root(
        "colonnade",
        help="Operate Colonnade. Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not reachable.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for command in [*_GROUPS, *_COMMANDS]:
        root.add_command(command)
    for plugin in plugins():
        for command in plugin.commands:
            root.add_command(command)
        for name, commands in plugin.additions.items():
            group = root.commands[name]
            assert isinstance(group, Group)
            for command in commands:
                group.add_command(command)
    return root


def main() -> None:
    # standard output is for answers alone
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    build()(prog_name="colonnade")
