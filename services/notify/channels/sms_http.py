"""Texts out by an HTTP gateway that speaks the protocol of docs/sms-gateway.md."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Annotated, Final
from uuid import UUID

import httpx
import msgspec

from common import clock
from common.errors import PermanentProviderError, ProviderError, TransientProviderError
from services.notify.channels.protocol import Accepted, Outcome, OutgoingText

_LONGEST_WAIT_S: Final = 3600.0
_CODE = re.compile(r"[a-z0-9-]{1,40}")
# This one text can never work; every other unexpected 4xx is taken for a fault of the settings, and the text waits.
_NEVER: Final = frozenset({400, 409, 413, 422})
# Said by a proxy that got no answer: the gateway behind it may have taken the text.
_PROXY: Final = frozenset({502, 504})


class _Taken(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Declined(msgspec.Struct):
    code: str


class _Text(msgspec.Struct):
    id: UUID
    to: str
    from_: str = msgspec.field(name="from")
    text: str


_TAKEN = msgspec.json.Decoder(_Taken)
_DECLINED = msgspec.json.Decoder(_Declined)


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Retry-After in seconds, from 0 to an hour; it may be a number or a date (RFC 9110 section 10.2.3)."""
    value = answer.headers.get("retry-after", "").strip()
    try:
        if value.isascii() and value.isdigit():
            wait = float(value)
        else:
            at = parsedate_to_datetime(value)
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - clock.epoch_s()
    except ValueError:
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT_S)


def _decline(answer: httpx.Response) -> PermanentProviderError:
    try:
        code = _DECLINED.decode(answer.content).code
    except msgspec.MsgspecError:
        code = ""
    if not _CODE.fullmatch(code):  # free words could hold the recipient's number
        code = "declined"
    return PermanentProviderError(f"{answer.status_code} {code}", recipient_fault=code == "invalid-recipient")


def refusal(answer: httpx.Response) -> ProviderError:
    """What an answer other than 200 and 202 means."""
    status = answer.status_code
    if status in _NEVER:
        return _decline(answer)
    if status == 429 or status >= 500:
        return TransientProviderError(str(status), retry_after_s=_retry_after_s(answer), sent_unknown=status in _PROXY)
    return TransientProviderError(str(status), provider_down=True)


def _trouble(error: httpx.HTTPError) -> TransientProviderError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.ProxyError):
        return TransientProviderError("no connection", provider_down=True)
    if isinstance(error, httpx.PoolTimeout):
        return TransientProviderError("not begun in time")
    # The request was on its way: only the gateway knows whether it came.
    reason = "timeout" if isinstance(error, httpx.TimeoutException) else "connection lost"
    return TransientProviderError(reason, sent_unknown=True)


class HttpTextChannel:
    """Texts by one gateway. chunk: as many as there are connections; longest_s: no `send_many` takes longer."""

    name = "sms-gateway"

    def __init__(
        self, url: str, key: str, *, connections: int = 16, timeout_s: float = 10.0, reports_receipts: bool = True
    ) -> None:
        self.reports_receipts = reports_receipts
        self.chunk = connections
        self.longest_s = timeout_s
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(connections)
        self._messages = f"{url.rstrip('/')}/messages"
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}", "user-agent": "colonnade-notify"},
            # shorter for connecting, so that a gateway nobody reaches is told from one that took a text and hung
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s / 2, 5.0)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,  # a redirect could carry the recipient's number and our key elsewhere
            trust_env=False,
        )

    async def send_many(self, messages: Sequence[OutgoingText]) -> list[Outcome]:
        """Hand the texts over, at most `chunk` of them. Raises ValueError for more."""
        if len(messages) > self.chunk:
            raise ValueError(f"{len(messages)} texts: at most {self.chunk} at a time")
        return list(await asyncio.gather(*(self._send(message) for message in messages)))

    async def ask(self, message: UUID) -> str | None:
        """What became of a text. The gateway's reference, None if it never saw it. Raises TransientProviderError."""
        try:
            async with asyncio.timeout(self._timeout_s), self._free:
                answer = await self._client.get(f"{self._messages}/{message}")
        except TimeoutError:
            raise TransientProviderError("timeout") from None
        except httpx.HTTPError as error:
            raise _trouble(error) from None
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise TransientProviderError(
                str(answer.status_code), retry_after_s=_retry_after_s(answer), provider_down=answer.status_code < 429
            )
        return _reference(answer)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def _send(self, message: OutgoingText) -> Outcome:
        body = msgspec.json.encode(_Text(message.id, message.to, message.sender, message.text))
        headers = {"content-type": "application/json", "idempotency-key": str(message.id)}
        begun = False
        try:
            # httpx limits each read by itself; a gateway that answers a byte at a time needs a limit on the whole.
            async with asyncio.timeout(self._timeout_s), self._free:
                begun = True
                answer = await self._client.post(self._messages, content=body, headers=headers)
            if answer.status_code in (200, 202):
                return Accepted(_reference(answer))
        except TimeoutError:
            return TransientProviderError("timeout" if begun else "not begun in time", sent_unknown=begun)
        except httpx.HTTPError as error:
            return _trouble(error)
        except TransientProviderError as error:
            return error
        return refusal(answer)


def _reference(answer: httpx.Response) -> str:
    try:
        return _TAKEN.decode(answer.content).id
    except msgspec.MsgspecError:
        raise TransientProviderError("unreadable answer", sent_unknown=True) from None
