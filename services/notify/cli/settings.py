"""`colonnade notify settings …` and `colonnade service limits`"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from common.auth.principals import ServiceStatus
from common.cli.command import Command, Group, pass_session
from common.cli.parameters import WORDS
from common.cli.session import Session
from common.db import Tx
from common.tenancy.flow import find_service
from common.tenancy.store import ServiceRow
from services.notify.configuration import flow, rules, wire
from services.notify.configuration.rules import Settings, SettingsChange

_DEFAULT = "default"

group = Group("settings", help="How a service sends, and within which limits.")


class _OrDefault(click.ParamType[int | str]):
    """A number, or `default` for what the service's status gives."""

    name = "number|default"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int | str:
        text = str(value)
        if text == _DEFAULT:
            return _DEFAULT
        if not text.isascii() or not text.isdigit():
            self.fail(f"{text!r} is neither a whole number nor `default`", parameter, context)
        return int(text)


_NUMBER = _OrDefault()


def _facts(service: ServiceRow, settings: Settings) -> dict[str, Any]:
    status = msgspec.convert(service.status, ServiceStatus)
    return {
        "service_id": service.id,
        "status": status,
        **msgspec.structs.asdict(settings),
        "channels": sorted(settings.channels),
        "effective": msgspec.structs.asdict(rules.limits_for(status, settings)),
    }


async def _read(tx: Tx, service: str) -> dict[str, Any]:
    found = await find_service(tx, service)
    return _facts(found, await flow.read_settings(tx, found.id))


@group.command("show")
@click.argument("service")
@pass_session
def show(session: Session, service: str) -> None:
    """Show the settings of SERVICE (id or name), and the limits that hold now."""
    session.show(session.transaction(lambda tx: _read(tx, service)))


@click.command("limits", cls=Command)
@click.argument("service")
@pass_session
def limits(session: Session, service: str) -> None:
    """Show the limits and channels that hold for SERVICE in Notify; `notify settings set` changes them."""
    facts = session.transaction(lambda tx: _read(tx, service))
    session.show({"service_id": facts["service_id"], "channels": facts["channels"], **facts["effective"]})


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Every setting as an option; one that is not given stays."""
    options = [
        click.option("--channels", type=WORDS, help="email, sms, or both separated by a comma."),
        click.option("--international-sms/--no-international-sms", default=None, help="Texts abroad."),
        click.option("--sms-to-landlines/--no-sms-to-landlines", default=None, help="Texts to landlines."),
        click.option("--sms-prefix/--no-sms-prefix", default=None, help="Texts begin with the service's name."),
        click.option("--email-local-part", help="The part before @ of its address, or `default`."),
        click.option("--email-sender-name", help="The name its e-mails come from, or `default`."),
        click.option("--retention-email-days", type=int, help="Days that recipients of e-mails are kept (3 to 90)."),
        click.option("--retention-sms-days", type=int, help="Days that recipients of texts are kept (3 to 90)."),
        click.option("--rate-limit-per-minute", type=_NUMBER, help="Requests a minute, for each type of key."),
        click.option("--daily-email", type=_NUMBER, help="E-mails a day."),
        click.option("--daily-sms", type=_NUMBER, help="Texts a day."),
        click.option("--daily-international-sms", type=_NUMBER, help="Texts abroad a day."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_NULLABLE = rules.OPERATORS | {"email_local_part", "email_sender_name"}


def _change(given: dict[str, Any]) -> SettingsChange:
    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        raise click.UsageError("Name at least one setting to change.")
    body = {name: None if name in _NULLABLE and value == _DEFAULT else value for name, value in named.items()}
    return wire.read(SettingsChange, msgspec.json.encode(body))


@group.command("set")
@click.argument("service")
@_settings_options
@pass_session
def set_(session: Session, /, service: str, **given: Any) -> None:
    """Change settings of SERVICE (id or name); `default` gives a limit back to what its status gives it."""
    change = _change(given)

    async def work(tx: Tx) -> dict[str, Any]:
        found = await find_service(tx, service)
        return _facts(found, await flow.update_settings(tx, session.who, found.id, change))

    session.show(session.transaction(work))
