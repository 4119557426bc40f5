"""The demonstration that a first start makes; running it again finds it. What it holds: services/notify/cli/seed.py."""

from __future__ import annotations

import asyncio
import base64
import getpass
from pathlib import Path
from typing import Any, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.audit import Actor
from common.auth.bearer import Authenticator, Refused, RefusedUnread
from common.auth.directory import Directory
from common.auth.operator import key_id
from common.auth.principals import KeyType
from common.crypto import Crypto
from common.db import Database
from common.tenancy import store
from deploy.local.keyfiles import KeyFiles
from services.notify.cli.seed import seed_in


class Seeded(msgspec.Struct, frozen=True):
    """The demonstration service, its keys whole (type → key), and its templates (channel → id)."""

    service_id: str
    service_name: str
    keys: dict[str, str]
    templates: dict[str, str]


async def _service_of(authenticator: Authenticator, key: str | None) -> str | None:
    try:
        principal = await authenticator.authenticate(f"Bearer {key}", None)
    except (Refused, RefusedUnread):
        return None
    return str(principal.service_id)


async def _seed(admin_url: str, keys: KeyFiles, known: dict[str, str]) -> Seeded:
    who = Actor("command", f"make run ({getpass.getuser()})")
    crypto = Crypto(keys.ring.read_text())
    signing = Ed25519PrivateKey.from_private_bytes(base64.b64decode(keys.operator_signing_key.read_text()))
    public = signing.public_key().public_bytes_raw()
    async with Database(admin_url, pool_size=2, application="seed") as database:
        authenticator = Authenticator(Directory(database, crypto), audience="seed")
        async with database.transaction() as tx:
            await store.add_token_key(tx, key_id(public), public)
            seeded = await seed_in(tx, crypto, who)
        # keys in var/ may be of another demonstration, or revoked
        wanted = {kind: seeded.keys.get(kind) or known.get(kind) for kind in get_args(KeyType)}
        service_id = str(seeded.service["id"])
        lost = [kind for kind, key in wanted.items() if await _service_of(authenticator, key) != service_id]
        if lost:
            async with database.transaction() as tx:
                seeded = await seed_in(tx, crypto, who, reissue=lost)
            wanted |= seeded.keys
    return Seeded(
        service_id=str(seeded.service["id"]),
        service_name=seeded.service["name"],
        keys={kind: key for kind, key in wanted.items() if key},
        templates={channel: str(template_id) for channel, template_id in seeded.templates.items()},
    )


def known_keys(suite_file: Path) -> dict[str, str]:
    """The keys that an earlier run wrote down; none if the file is missing or not ours."""
    try:
        suite = msgspec.json.decode(suite_file.read_bytes(), type=dict[str, Any])
        return msgspec.convert(suite.get("keys", {}), dict[str, str])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def seed(admin_url: str, keys: KeyFiles, known: dict[str, str]) -> Seeded:
    """Make or find the demonstration, the operators' token key, and a working key of each type."""
    return asyncio.run(_seed(admin_url, keys, known))
