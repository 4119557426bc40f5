"""Operators' tokens and the sessions behind them, until the console signs operators in."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import clock, ids
from common.audit import Action, Actor, record
from common.auth.operator import LONGEST_S, key_id, mint_operator_token
from common.auth.scopes import unknown
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.log import mask
from common.tenancy import store

_OPERATOR = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_AUDIENCE = re.compile(r"[a-z]{1,32}|\*")


class SigningKeyRetired(Conflict):
    """The key that signs operators' tokens was taken out of use."""

    status, kind, title = 409, "signing-key-retired", "The signing key was retired"


class OperatorToken(msgspec.Struct, frozen=True):
    """A token just minted, and the session that revokes it."""

    token: str
    session_id: UUID
    operator: str
    expires_at: datetime


def new_signing_key() -> str:
    """A fresh Ed25519 private key (32 bytes in base64), for OPERATOR_SIGNING_KEY_FILE."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def read_signing_key(text: str) -> bytes:
    """The 32 raw bytes. Raises ValueError, the key not shown."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise ValueError("must be 32 bytes in base64, as `colonnade operator new-key` prints them")
    return raw


def _faults(operator: str, audience: str, scopes: list[str], valid_s: int) -> list[dict[str, str]]:
    faults = []
    if not _OPERATOR.fullmatch(operator) or mask(operator) != operator:
        # it stands in audit logs, which hold no address
        faults.append({"field": "operator", "message": "must be a name such as j.smith, not an address"})
    if not _AUDIENCE.fullmatch(audience):
        faults.append({"field": "audience", "message": "must be a component such as notify, or *"})
    if not scopes:
        faults.append({"field": "scopes", "message": "must hold at least one scope"})
    faults += [{"field": "scopes", "message": f"{scope} is not a scope"} for scope in unknown(scopes)]
    if not 1 <= valid_s <= LONGEST_S:
        faults.append({"field": "valid", "message": f"must be 1 to {LONGEST_S} seconds"})
    return faults


async def _register(tx: Tx, who: Actor, signing_key: bytes) -> None:
    public_key = Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
    kid = key_id(public_key)
    if await store.add_token_key(tx, kid, public_key):
        # a name before it: digits alone would look like a telephone number
        await record(tx, store.SCHEMA, action=Action.TOKEN_KEY_ADD, who=who, subject_id=f"kid-{kid}")
    elif await store.is_token_key_retired(tx, kid):
        raise SigningKeyRetired("The signing key was retired: make another with `colonnade operator new-key`.")


async def open_session(
    tx: Tx,
    who: Actor,
    signing_key: bytes,
    *,
    operator: str,
    service_id: UUID | None,
    scopes: list[str],
    audience: str = "notify",
    valid_s: int = LONGEST_S,
) -> OperatorToken:
    """Give an operator a short-lived token; the signing key's public half is registered when it is first used.

    service_id: None for every service. audience: the component it is for. Raises InvalidInput, SigningKeyRetired.
    """
    if faults := _faults(operator, audience, scopes, valid_s):
        raise InvalidInput(faults)
    await _register(tx, who, signing_key)
    session_id, expires_at = ids.uuid7(), clock.now() + timedelta(seconds=valid_s)
    await store.add_session(tx, session_id, operator, expires_at)
    after = {"operator": operator, "audience": audience, "scopes": sorted(scopes), "valid_s": valid_s}
    await record(
        tx,
        store.SCHEMA,
        action=Action.OPERATOR_TOKEN_MINT,
        who=who,
        subject_id=session_id,
        service_id=service_id,
        after=after,
    )
    token = mint_operator_token(
        signing_key,
        audience=audience,
        operator=operator,
        session_id=session_id,
        service_id=service_id,
        scopes=sorted(set(scopes)),
        valid_s=valid_s,
    )
    return OperatorToken(token, session_id, operator, expires_at)


async def end_session(tx: Tx, who: Actor, session_id: UUID) -> None:
    """Revoke an operator's session: its tokens are refused everywhere within 2 s. Raises NotFound."""
    operator = await store.end_session(tx, session_id)
    if operator is None:
        raise NotFound("There is no such session.")
    await record(
        tx,
        store.SCHEMA,
        action=Action.OPERATOR_TOKEN_REVOKE,
        who=who,
        subject_id=session_id,
        before={"operator": operator},
    )
