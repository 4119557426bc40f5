"""What a command works with: settings, who runs it, the database for one transaction, and how to answer."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from common.audit import Actor
from common.cli import output
from common.cli.settings import CliSettings, command_environment
from common.crypto import Crypto
from common.db import Database, Tx
from common.log import mask
from common.settings import SettingsError, load
from common.tenancy.operators import read_signing_key
from common.tenancy.resealing import check_ring

T = TypeVar("T")

_HINT = "is not set, and no suite of `make run` runs in this folder"


def account() -> str:
    """Who runs the command, as the audit log names them: the account, or its number where the name says too much."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return name if name and mask(name) == name else f"uid {os.getuid()}"


class Session:
    """One run of the command."""

    def __init__(self) -> None:
        self.is_json = False

    @cached_property
    def settings(self) -> CliSettings:
        return load(CliSettings, command_environment())

    @cached_property
    def who(self) -> Actor:
        return Actor("command", account(), socket.gethostname())

    @property
    def database_url(self) -> str:
        """Raises SettingsError."""
        if self.settings.database_url is None:
            raise SettingsError([f"DATABASE_URL: {_HINT}"])
        return self.settings.database_url

    @property
    def redis_url(self) -> str:
        """Raises SettingsError."""
        if self.settings.redis_url is None:
            raise SettingsError([f"REDIS_URL: {_HINT}"])
        return self.settings.redis_url

    @cached_property
    def crypto(self) -> Crypto:
        """Raises SettingsError."""
        if self.settings.keys is None:
            raise SettingsError([f"KEYS: {_HINT} (give KEYS_FILE; `colonnade ring new` makes a ring)"])
        try:
            return Crypto(self.settings.keys)
        except ValueError as error:
            raise SettingsError([f"KEYS: {error}"]) from None

    @property
    def signing_key(self) -> bytes:
        """Raises SettingsError."""
        if self.settings.operator_signing_key is None:
            raise SettingsError([f"OPERATOR_SIGNING_KEY: {_HINT} (give OPERATOR_SIGNING_KEY_FILE)"])
        try:
            return read_signing_key(self.settings.operator_signing_key)
        except ValueError as error:
            raise SettingsError([f"OPERATOR_SIGNING_KEY: {error}"]) from None

    # work ---------------------------------------------------------------

    def database(self) -> Database:
        """A small pool, to be opened. Raises SettingsError."""
        return Database(
            self.database_url, pool_size=2, pgbouncer=self.settings.database_pgbouncer, application="colonnade"
        )

    def run(self, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
        """Do something with the database open."""
        database = self.database()

        async def opened() -> T:
            async with database:
                return await work(database)

        return asyncio.run(opened())

    def transaction(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Do something in one transaction."""

        async def in_transaction(database: Database) -> T:
            async with database.transaction() as tx:
                return await work(tx)

        return self.run(in_transaction)

    def sealing(self, work: Callable[[Tx, Crypto], Awaitable[T]]) -> T:
        """Do something that reads or writes sealed fields, in one transaction, if the ring fits the database."""
        crypto = self.crypto

        async def checked(tx: Tx) -> T:
            await check_ring(tx, crypto)
            return await work(tx, crypto)

        return self.transaction(checked)

    # answers ------------------------------------------------------------

    def show(self, facts: msgspec.Struct | output.Facts) -> None:
        """Answer with one thing."""
        output.show_facts(output.facts_of(facts), is_json=self.is_json)

    def show_rows(self, name: str, rows: Sequence[Any], columns: Sequence[str]) -> None:
        """Answer with many. name: what the list is called in JSON; columns: what a table shows of each."""
        output.show_rows(name, [output.facts_of(row) for row in rows], columns, is_json=self.is_json)
