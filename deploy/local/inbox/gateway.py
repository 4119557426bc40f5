"""The sandbox text gateway: what a supplier of text messages offers over HTTP, with numbers that misbehave on purpose.

The protocol is the one that Notify's HTTP channel speaks; a message is known by the sender's id, and the same id again
is the same message.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from common import clock, ids
from deploy.local.inbox import behaviour
from deploy.local.inbox.intake import Intake
from deploy.local.inbox.messages import Kept

_REMEMBERED = 100_000  # messages that a repeat is recognised for, more than the archive keeps
_TITLE_CHARACTERS = 160
_MOST_CHARACTERS = 2_000
_NUMBER = re.compile(r"\+?[0-9]{6,15}")
_SENDER = re.compile(r"[^\x00-\x1f\x7f]{1,20}")

log = logging.getLogger("inbox.gateway")


class Answer(msgspec.Struct, frozen=True):
    """A status, a JSON body and perhaps seconds to wait, as they go back to the caller."""

    status: int
    body: dict[str, str]
    retry_after_s: int | None = None


class _Text(msgspec.Struct, frozen=True):
    id: str
    to: str
    sender: str
    text: str


class _Fault(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.answer = Answer(422, {"code": code, "detail": detail})


def reference_of(message: str) -> str:
    """The gateway's own reference of a message: always the same for one id, even when the message is forgotten."""
    return f"sandbox-{uuid5(NAMESPACE_URL, message).hex[:16]}"


def _field(fields: dict[str, Any], name: str, code: str, detail: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _Fault(code, detail)
    return value


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise _Fault("invalid-id", "id must be a UUID") from None


def _parse(body: bytes, idempotency_key: str | None) -> _Text:
    """Read a call. Raises _Fault for the first thing that is wrong."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Fault("invalid-json", "the body must be JSON") from None
    if not isinstance(fields, dict):
        raise _Fault("invalid-json", "the body must be a JSON object")
    message = _uuid(_field(fields, "id", "invalid-id", "id must be a UUID"))
    to = _field(fields, "to", "invalid-recipient", "to must be a phone number")
    sender = _field(fields, "from", "invalid-from", "from must be 1 to 20 characters")
    text = _field(fields, "text", "invalid-text", "text must be 1 to 2000 characters")
    if idempotency_key is None or idempotency_key.strip().lower() != message:
        raise _Fault("invalid-idempotency-key", "Idempotency-Key must be the id of the message")
    if not _NUMBER.fullmatch(to) or behaviour.is_unknown_number(to):
        raise _Fault("invalid-recipient", "to is not a number that texts can reach")
    if not _SENDER.fullmatch(sender):
        raise _Fault("invalid-from", "from must be 1 to 20 characters")
    if not 1 <= len(text) <= _MOST_CHARACTERS or "\0" in text:
        raise _Fault("invalid-text", "text must be 1 to 2000 characters")
    return _Text(message, to, sender, text)


class Gateway:
    """Accepts texts once each. key: what callers must show, empty if any will do."""

    def __init__(self, intake: Intake, key: str) -> None:
        self._intake = intake
        self._key = key.encode()
        self._refusals = behaviour.Refusals()
        self._outcomes: OrderedDict[str, str] = OrderedDict()
        self._arriving: dict[str, asyncio.Task[Answer]] = {}

    def remember(self, oldest_first: Iterable[Kept]) -> None:
        """Recognise the texts that were kept before a restart."""
        for kept in oldest_first:
            if kept.channel == "sms" and kept.message is not None:
                self._outcomes[kept.message] = kept.outcome

    def is_known(self, authorization: str | None) -> bool:
        """Whether an Authorization header shows the gateway's key."""
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            return False
        return not self._key or hmac.compare_digest(shown.strip().encode(), self._key)

    def status_of(self, message: str) -> Answer:
        """What became of a text, asked by the sender's id.

        503 while its first call still runs: a 404 would let the sender send it again.
        """
        if message.lower() in self._arriving:
            return Answer(503, {"code": "unavailable", "detail": "the text is being accepted"})
        outcome = self._outcomes.get(message.lower())
        if outcome is None:
            return Answer(404, {"code": "not-found", "detail": "no text of this id was accepted"})
        return Answer(200, {"id": reference_of(message.lower()), "status": outcome})

    async def send(self, body: bytes, idempotency_key: str | None) -> Answer:
        """Accept a text (202), recognise one (200), or refuse."""
        try:
            text = _parse(body, idempotency_key)
        except _Fault as fault:
            return fault.answer
        if text.id in self._outcomes:
            return Answer(200, {"id": reference_of(text.id)})
        if behaviour.is_failing_number(text.to) and self._refusals.put_off(text.id, behaviour.BUSY_TIMES):
            return Answer(503, {"code": "unavailable", "detail": "7700900500 is a test number"})
        if behaviour.is_limited_number(text.to) and self._refusals.put_off(text.id, behaviour.LIMITED_TIMES):
            return Answer(429, {"code": "too-many-requests", "detail": "7700900429 is a test number"}, retry_after_s=1)
        return await self._take_once(text, body)

    async def _take_once(self, text: _Text, body: bytes) -> Answer:
        """Keep a text; a second call that meets the first one waits for it and is told that it is a repeat."""
        if (first := self._arriving.get(text.id)) is not None:
            answer = await asyncio.shield(first)
            return Answer(200, answer.body) if answer.status == 202 else answer
        task = asyncio.create_task(self._take(text, body))
        self._arriving[text.id] = task
        task.add_done_callback(lambda _: self._arriving.pop(text.id, None))
        return await asyncio.shield(task)

    async def _take(self, text: _Text, body: bytes) -> Answer:
        kept = Kept(
            id=str(ids.uuid7()),
            channel="sms",
            to=text.to,
            sender=text.sender,
            title=" ".join(text.text.split())[:_TITLE_CHARACTERS],
            message=text.id,
            reference=reference_of(text.id),
            outcome=behaviour.outcome_of_text(text.to),
            received_at=clock.now(),
        )
        try:
            await self._intake.accept([(kept, body)])
        except OSError as error:
            log.warning("a text could not be kept: %s", error.strerror)
            return Answer(503, {"code": "unavailable", "detail": "the text could not be kept"})
        self._outcomes[text.id] = kept.outcome
        if len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)
        return Answer(202, {"id": kept.reference})


def text_of(raw: bytes) -> str:
    """The words of a kept text, from the call that brought it."""
    return str(msgspec.json.decode(raw)["text"])
