"""Secrets of this machine's suite, made at the first start and kept in `var/secrets/`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.crypto import new_ring
from common.tenancy.operators import new_signing_key
from deploy.local.layout import Folders, StartRefused, write_private


class KeyFiles(NamedTuple):
    """One file for each secret (mode 0600); programs get the path, never the value."""

    ring: Path
    operator_signing_key: Path
    receipts_token: Path
    gateway_key: Path


def _token() -> str:
    return secrets.token_urlsafe(32)


def make_key_files(folders: Folders) -> KeyFiles:
    """Give the files, making those that are missing. Raises StartRefused.

    The ring is never made anew beside data that it alone can read.
    """
    files = KeyFiles(
        *(folders.secrets / name for name in ("keys.json", "operator.key", "receipts.token", "gateway.key"))
    )
    if not files.ring.exists() and (folders.postgres / "PG_VERSION").exists():
        raise StartRefused(
            f"{files.ring} is missing and {folders.postgres} holds data that only it can read: "
            f"put it back, or start afresh with `rm -r {folders.var}`."
        )
    makers: dict[Path, Callable[[], str]] = {
        files.ring: new_ring,
        files.operator_signing_key: new_signing_key,
        files.receipts_token: _token,
        files.gateway_key: _token,
    }
    for path, make in makers.items():
        if not path.exists():
            write_private(path, make())
    return files
