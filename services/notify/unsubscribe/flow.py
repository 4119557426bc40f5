"""Leaving a service's e-mails by the link in one of them."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from common import clock, ids
from common.crypto import BadToken, Crypto
from common.db import Tx
from common.errors import NotFound
from services.notify.unsubscribe import rules, store
from services.notify.unsubscribe.rules import Link
from services.notify.unsubscribe.store import RequestRow

PAGE = 250


class LinkNotValid(NotFound):
    """The unsubscribe link is not one that we made."""

    status, kind, title = 404, "unsubscribe-link-not-valid", "Not a valid unsubscribe link"
    text: ClassVar[str] = "This is not a valid unsubscribe link."

    def __init__(self) -> None:
        super().__init__(self.text)


class LinkGone(LinkNotValid):
    """The unsubscribe link is out of date, or its message is no longer known."""

    status, kind, title = 404, "unsubscribe-link-expired", "The unsubscribe link is invalid or expired"
    text: ClassVar[str] = "This unsubscribe link is invalid or expired."


def link_of(crypto: Crypto, message_id: str, token: str) -> Link:
    """What a link is for. Raises LinkNotValid, LinkGone."""
    try:
        return rules.link_of(crypto, message_id, token)
    except BadToken as error:
        raise (LinkGone if str(error) == "out of date" else LinkNotValid) from None


async def unsubscribe(tx: Tx, link: Link) -> None:
    """Ask the service that sent a message to write no more; once more changes nothing.

    The service reads its requests and stops writing: the list of whom it writes to is its own.
    """
    await store.add(tx, link, ids.uuid7(), clock.now())


async def list_requests(
    tx: Tx, service_id: UUID, mode: str, *, older_than: UUID | None, limit: int
) -> list[RequestRow]:
    """A service's requests, newest first."""
    return await store.page(tx, service_id, mode, older_than=older_than, limit=limit)
