"""What Notify's handlers and jobs work with: one for each process."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from litestar.types import Scope

from common.auth import Authenticator, Principal
from common.auth.directory import NOBODY, Directory, Nobody
from common.crypto import Crypto
from common.db import Database
from common.fresh import FreshCache
from common.lru import Lru
from common.settings import SettingsError
from services.notify.configuration import store as configuration_store
from services.notify.configuration.store import Setup
from services.notify.recipients.rates import Rate, read_overrides, use_overrides
from services.notify.rendering import CompiledTemplate, compile_template
from services.notify.settings import NotifySettings
from services.notify.templates import store as template_store
from services.notify.templates.store import TemplateVersionRow

_MOST_COMPILED = 5_000
_COMPILED_BYTES = 64_000_000  # some 3,000 everyday templates, or a few of the longest that are allowed
_CONTENT_BYTES = 32_000_000


def _read_rates(path: str) -> dict[str, Rate | None]:
    try:
        return read_overrides(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError([f"SMS_RATES_FILE: cannot use {path}: {error}"]) from error


def _content_bytes(row: TemplateVersionRow | Nobody) -> int:
    return 0 if isinstance(row, Nobody) else sys.getsizeof(row.content)


class Context:
    """Shared by all requests or jobs of a process. What it caches is at most 1.5 s old."""

    def __init__(self, settings: NotifySettings, database: Database, *, keys: str, audience: str = "notify") -> None:
        """settings: what API and worker share. keys: the key ring. Raises ValueError if the ring is malformed."""
        self.settings = settings
        self.database = database
        self.crypto = Crypto(keys)
        if settings.sms_rates_file is not None:
            use_overrides(_read_rates(settings.sms_rates_file))
        self.directory = Directory(database, self.crypto)
        self.authenticator = Authenticator(self.directory, audience=audience)
        self.setups: FreshCache[UUID, Setup] = FreshCache(self._setup)
        self._templates: FreshCache[tuple[UUID, UUID, int | None], TemplateVersionRow | Nobody] = FreshCache(
            self._template, weigh=_content_bytes, budget=_CONTENT_BYTES
        )
        self._compiled: Lru[tuple[UUID, int], CompiledTemplate] = Lru(
            max_size=_MOST_COMPILED, weigh=CompiledTemplate.weight, budget=_COMPILED_BYTES
        )

    async def _setup(self, service_id: UUID) -> Setup:
        async with self.database.reading() as tx:
            return await configuration_store.setup(tx, service_id)

    async def _template(self, key: tuple[UUID, UUID, int | None]) -> TemplateVersionRow | Nobody:
        service_id, template_id, version = key
        async with self.database.reading() as tx:
            if version is None:
                row = await template_store.current(tx, service_id, template_id)
            else:
                row = await template_store.version(tx, service_id, template_id, version)
        return NOBODY if row is None else row

    async def setup(self, service_id: UUID) -> Setup:
        """A service's settings, senders and whom it may write to in trial."""
        return self.setups.peek(service_id) or await self.setups.get(service_id)

    async def template(self, service_id: UUID, template_id: UUID, version: int | None) -> TemplateVersionRow | None:
        """A template's version (None: the present one), or None if the service has no such."""
        key = (service_id, template_id, version)
        found = self._templates.peek(key) or await self._templates.get(key)
        return None if isinstance(found, Nobody) else found

    def compiled(self, row: TemplateVersionRow) -> CompiledTemplate:
        """A version made ready to render; versions never change, so it is kept (the ones used last, while they fit)."""
        key = (row.template_id, row.version)
        found = self._compiled.use(key)
        if found is None:
            found = compile_template(row.channel, row.subject, row.content)
            self._compiled.keep(key, found)
        return found


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value, read as it came: parsing all of them costs more than the whole check of a key."""
    for given, value in scope["headers"]:
        if given == name:
            return value.decode("latin-1")
    return None


async def authenticate(scope: Scope, context: Context) -> Principal:
    """Who calls. Raises common.auth.Refused and RefusedUnread."""
    client = scope.get("client")
    return await context.authenticator.authenticate(header(scope, b"authorization"), client[0] if client else None)
