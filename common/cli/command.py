"""The shape of every command: `--json`, one session, and exit codes that mean something.

0 done · 1 refused · 2 wrong usage or settings · 3 database or Redis not reachable · 130 interrupted
"""

from __future__ import annotations

from typing import Any

import asyncpg
import click
from redis.exceptions import RedisError

from common.cli.main import INTERRUPTED
from common.cli.output import show_refusal
from common.cli.session import Session
from common.crypto import UnreadableBlob
from common.embedded import EmbeddedError
from common.errors import ServiceError
from common.settings import SettingsError

REFUSED, MISUSED, UNREACHABLE = 1, 2, 3
# of asyncpg's errors, those that say that there is no one to talk to
_AWAY = (
    OSError,
    TimeoutError,
    RedisError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TooManyConnectionsError,
)


def _set_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).is_json = True


class Command(click.Command):
    """A command with `--json`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.append(
            click.Option(
                ["--json", "is_json"],
                is_flag=True,
                expose_value=False,
                callback=_set_json,
                help="Answer in JSON.",
            )
        )


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type


class Root(Group):
    """`colonnade` itself: turns what went wrong into a line and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        session = context.ensure_object(Session)
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            code = INTERRUPTED
        except SettingsError as error:
            for fault in error.faults:
                click.echo(f"setting {fault}", err=True)
            code = MISUSED
        except ServiceError as error:
            show_refusal(error, is_json=session.is_json)
            code = REFUSED
        except (UnreadableBlob, EmbeddedError) as error:
            click.echo(f"refused: {error}", err=True)
            code = REFUSED
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            click.echo("refused: the database is not migrated: run `colonnade migrate`.", err=True)
            code = REFUSED
        except asyncpg.InsufficientPrivilegeError as error:
            click.echo(f"refused: the database role of DATABASE_URL may not do this ({error}).", err=True)
            code = REFUSED
        except _AWAY as error:
            click.echo(f"not reachable: {type(error).__name__}: {error}", err=True)
            code = UNREACHABLE
        raise click.exceptions.Exit(code)


pass_session = click.make_pass_decorator(Session, ensure=True)
