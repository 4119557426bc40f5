"""`colonnade seed`: the demonstration, made once and found again ever after."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, get_args

import click
import msgspec

from common import clock
from common.audit import Actor
from common.auth.principals import KeyType, ServiceStatus
from common.cli.command import Command, pass_session
from common.cli.session import Session, account
from common.crypto import Crypto
from common.db import Database, Tx
from common.tenancy import flow, keys, store
from common.tenancy.resealing import check_ring
from services.notify.templates import flow as templates
from services.notify.templates.rules import NewTemplate

ORGANISATION = "Borough of Ashbourne"
COLOUR = "#00594c"
SERVICE = "Apply for a parking permit"
TRIAL_SERVICE = "Join the library"
_KEY_NAME = "Demonstration {}"

TEMPLATES: dict[str, NewTemplate] = {
    "email": NewTemplate(
        type="email",
        name="Permit granted",
        subject="Your parking permit, ((name))",
        content=(
            "Dear ((name)),\n\n# Your permit is granted\n\nYour reference number is ((reference)).\n\n"
            "* It is valid for 12 months from today.\n* There is nothing to display in your car.\n\n"
            "If you did not apply, reply to this e-mail.\n\nParking services, Borough of Ashbourne"
        ),
    ),
    "sms": NewTemplate(
        type="sms",
        name="Security code",
        content="((code)) is your code for the parking permit service. It works for 10 minutes.",
        lane="priority",
    ),
}


class Seeded(msgspec.Struct):
    """The demonstration. keys: whole, only those just issued."""

    service: dict[str, Any]
    trial_service: dict[str, Any]
    keys: dict[str, str]
    templates: dict[str, Any]


async def _service(tx: Tx, who: Actor, organisation: store.OrganisationRow, name: str, status: ServiceStatus) -> Any:
    found = next((row for row in await store.services(tx, organisation.id) if row.name == name), None)
    return found or await flow.create_service(tx, who, organisation.id, name=name, status=status)


def _works(key: store.KeyRow) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > clock.now())


async def _keys(
    tx: Tx, crypto: Crypto, who: Actor, service: store.ServiceRow, reissue: Collection[str]
) -> dict[str, str]:
    issued = {}
    present = [key for key in await keys.list_keys(tx, service.id) if _works(key)]
    for key_type in get_args(KeyType):
        name = _KEY_NAME.format(key_type)
        held = [key for key in present if key.name == name and key.type == key_type]
        if held and key_type not in reissue:
            continue
        for lost in held:
            await keys.revoke_key(tx, who, service.id, lost.id)
        issued[key_type] = (await flow.issue_key(tx, crypto, who, service.id, name=name, key_type=key_type)).secret
    return issued


async def _templates(tx: Tx, who: Actor, service: store.ServiceRow) -> dict[str, Any]:
    found = {}
    for channel, new in TEMPLATES.items():
        present = await templates.list_templates(tx, service.id, channel)
        row = next((row for row in present if row.name == new.name), None)
        row = row or await templates.create_template(tx, who, service.id, new, author=who.id)
        found[channel] = row.template_id
    return found


async def seed_in(tx: Tx, crypto: Crypto, who: Actor, *, reissue: Collection[str] = ()) -> Seeded:
    """Make what is missing of the demonstration; what is there stays.

    reissue: types of keys whose strings were lost: the old ones are revoked and new ones issued.
    """
    await check_ring(tx, crypto)
    organisation = await store.organisation_named(tx, ORGANISATION)
    if organisation is None:
        organisation = await flow.create_organisation(tx, who, name=ORGANISATION, colour=COLOUR)
    service = await _service(tx, who, organisation, SERVICE, "live")
    trial = await _service(tx, who, organisation, TRIAL_SERVICE, "trial")
    return Seeded(
        service={"id": service.id, "name": service.name},
        trial_service={"id": trial.id, "name": trial.name},
        keys=await _keys(tx, crypto, who, service, reissue),
        templates=await _templates(tx, who, service),
    )


async def _seed(dsn: str, crypto: Crypto, who: Actor, reissue: Collection[str]) -> Seeded:
    async with Database(dsn, pool_size=2, application="seed") as database, database.transaction() as tx:
        return await seed_in(tx, crypto, who, reissue=reissue)


def seed(dsn: str, crypto: Crypto, *, reissue: Collection[str] = ()) -> dict[str, Any]:
    """The demonstration as plain values: service, trial_service, keys (only those just issued) and templates."""
    seeded = asyncio.run(_seed(dsn, crypto, Actor("command", account()), reissue))
    plain: dict[str, Any] = msgspec.to_builtins(seeded)
    return plain


@click.command("seed", cls=Command)
@click.option("--reissue", multiple=True, type=click.Choice(get_args(KeyType)), help="Replace a key that was lost.")
@pass_session
def seed_command(session: Session, reissue: tuple[str, ...]) -> None:
    """Make the demonstration: an organisation, a live and a trial service, keys, templates. Again: changes nothing."""
    session.show(session.sealing(lambda tx, crypto: seed_in(tx, crypto, session.who, reissue=reissue)))
