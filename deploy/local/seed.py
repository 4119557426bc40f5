"""The demonstration that a first start makes: an organisation, a live service, its keys, and two templates.

Identity is written to the database, as the command line does; templates are made through Notify's own API, as any team
would. Running it again changes nothing: what is there is found by name, and keys by the copy in `var/suite.json`.
"""

from __future__ import annotations

import asyncio
import base64
import getpass
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.audit import Actor
from common.auth.bearer import Authenticator, Refused, RefusedUnread
from common.auth.directory import Directory
from common.auth.operator import key_id
from common.auth.principals import KeyType
from common.crypto import Crypto
from common.db import Database, Tx
from common.tenancy import flow, store
from common.tenancy.flow import issue_key
from deploy.local.keyfiles import KeyFiles
from deploy.local.layout import StartRefused

ORGANISATION = "Department of Examples"
SERVICE = "Apply for a fishing licence"
TEMPLATES: dict[str, dict[str, str]] = {
    "email": {
        "type": "email",
        "name": "Licence granted",
        "subject": "Your fishing licence, ((name))",
        "content": (
            "Dear ((name)),\n\n# Your licence is granted\n\nYour reference number is ((reference)).\n\n"
            "* It is valid for 12 months.\n* Carry it with you when you fish.\n\n"
            "If you did not apply, reply to this e-mail."
        ),
    },
    "sms": {
        "type": "sms",
        "name": "Security code",
        "content": "((code)) is your security code. It works for 10 minutes.",
    },
}


class Seeded(msgspec.Struct):
    """The demonstration service and its keys, whole (type → key)."""

    service_id: UUID
    service_name: str
    keys: dict[str, str]


async def _find_service(tx: Tx, who: Actor) -> store.ServiceRow:
    organisation = next((o for o in await store.organisations(tx) if o.name == ORGANISATION), None)
    if organisation is None:
        organisation = await flow.create_organisation(tx, who, name=ORGANISATION)
    service = next((s for s in await store.services(tx, organisation.id) if s.name == SERVICE), None)
    if service is None:
        service = await flow.create_service(tx, who, organisation.id, name=SERVICE, status="live")
    return service


async def _works(authenticator: Authenticator, service_id: UUID, key: str) -> bool:
    try:
        principal = await authenticator.authenticate(f"Bearer {key}", None)
    except (Refused, RefusedUnread):
        return False
    return principal.service_id == service_id


async def _identity(admin_url: str, keys: KeyFiles, known: dict[str, str]) -> Seeded:
    who = Actor("command", f"make run ({getpass.getuser()})")
    crypto = Crypto(keys.ring.read_text())
    signing = Ed25519PrivateKey.from_private_bytes(base64.b64decode(keys.operator_signing_key.read_text()))
    public = signing.public_key().public_bytes_raw()
    async with Database(admin_url, pool_size=2, application="seed") as database:
        async with database.transaction() as tx:
            await store.add_token_key(tx, key_id(public), public)
            service = await _find_service(tx, who)
        authenticator = Authenticator(Directory(database, crypto), audience="seed")
        working = {kind: key for kind, key in known.items() if await _works(authenticator, service.id, key)}
        async with database.transaction() as tx:
            for kind in get_args(KeyType):
                if kind not in working:
                    issued = await issue_key(tx, crypto, who, service.id, name=f"Demonstration {kind}", key_type=kind)
                    working[kind] = issued.secret
    return Seeded(service.id, service.name, working)


def known_keys(suite_file: Path) -> dict[str, str]:
    """The keys that an earlier run wrote down; none if the file is missing or not ours."""
    try:
        suite = msgspec.json.decode(suite_file.read_bytes(), type=dict[str, Any])
        return msgspec.convert(suite.get("keys", {}), dict[str, str])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def seed_identity(admin_url: str, keys: KeyFiles, known: dict[str, str]) -> Seeded:
    """Make or find the service, the operators' token key, and a working key of each type."""
    return asyncio.run(_identity(admin_url, keys, known))


def seed_templates(notify_url: str, key: str) -> dict[str, str]:
    """Make or find the two templates; gives their ids by channel. Raises StartRefused when Notify refuses."""
    headers = {"Authorization": f"Bearer {key}"}
    found: dict[str, str] = {}
    # trust_env off: a proxy that the shell names must not stand between two programs of this machine
    with httpx.Client(base_url=notify_url, headers=headers, timeout=10, trust_env=False) as client:
        for channel, template in TEMPLATES.items():
            listed = _checked(client.get("/v2/templates", params={"type": channel}))["templates"]
            match = next((t for t in listed if t["name"] == template["name"]), None)
            found[channel] = (match or _checked(client.post("/v2/templates", json=template)))["id"]
    return found


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise StartRefused(f"Notify refused the demonstration templates ({answer.status_code}: {answer.text[:200]}).")
    return msgspec.json.decode(answer.content, type=dict[str, Any])
