"""`colonnade`, put together.

Nothing is imported before `main` has begun, so that Ctrl-C ends the command in silence from its first moment on.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.cli.command import Root

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it


def _own(root: Root) -> None:
    from common.cli import (
        audit,
        backup,
        database,
        doctor,
        keys,
        members,
        operators,
        organisations,
        queue,
        ring,
        services,
    )

    for module in (organisations, services, members, keys, operators, ring, audit, queue):
        root.add_command(module.group)
    for command in (database.migrate, doctor.doctor, backup.backup, backup.restore):
        root.add_command(command)


def _add_plugins(root: Root) -> None:
    from common.cli.command import Group
    from common.cli.plugins import plugins

    for plugin in plugins():
        for command in plugin.commands:
            root.add_command(command)
        for name, commands in plugin.additions.items():
            group = root.commands[name]
            assert isinstance(group, Group)
            for command in commands:
                group.add_command(command)


def build() -> Root:
    """The command with what every installed component adds."""
    from common.cli.command import Root

    root = Root(
        "colonnade",
        help=(
            "Operate Colonnade. Exit codes: 0 done, 1 refused, 2 wrong usage or settings, 3 not reachable, "
            "130 interrupted."
        ),
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    _own(root)
    _add_plugins(root)
    return root


def _run() -> None:
    import logging

    import structlog

    # standard output is for answers alone
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    build()(prog_name="colonnade")


def main() -> None:
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
