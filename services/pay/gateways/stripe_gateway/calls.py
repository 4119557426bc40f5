"""Calls to Stripe: whether a failed one may have taken effect, and its failure in our words."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

import httpx
import stripe

from common.errors import PermanentProviderError, ProviderError, TransientProviderError

# A file in the home folder and timings in every request's headers; we were not asked for either.
stripe.enable_telemetry = False
# It writes Stripe's messages at INFO and whole request bodies, with e-mail addresses, at DEBUG.
logging.getLogger("stripe").setLevel(logging.WARNING)

_LONGEST_WAIT_S: Final = 3600.0
_CODE: Final = re.compile(r"[a-z0-9_]{1,60}")
_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)

# Some attempt of the call in hand reached Stripe, perhaps, and got no definite answer. stripe-python repeats failed
# attempts itself and shows only the last failure: one that timed out and one that could not connect look the same.
_perhaps_done: ContextVar[bool] = ContextVar("perhaps_done", default=False)


class Transport(stripe.HTTPClient):
    """What stripe-python sends through: httpx, with a note of what each attempt may have done.

    Not stripe.HTTPXClient: it hands bodies to httpx in a deprecated way and leaves the pool at its defaults.
    timeout_s: for each read and write; connections: at one time.
    """

    name = "httpx"

    def __init__(self, *, timeout_s: float, connections: int = 50) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s / 2, 5.0)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,  # a redirect could carry our key elsewhere
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One attempt. Raises APIConnectionError."""
        before = _perhaps_done.get()
        _perhaps_done.set(True)
        try:
            answer = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except httpx.HTTPError as error:
            if isinstance(error, _NEVER_LEFT):
                _perhaps_done.set(before)
            name = type(error).__name__
            raise stripe.APIConnectionError(name, should_retry=True) from error  # type: ignore[no-untyped-call]
        # 409: the same key is in hand in another connection. 5xx: Stripe says that the effect is not defined.
        if answer.status_code < 500 and answer.status_code != 409:
            _perhaps_done.set(before)
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: float) -> None:
        """Between attempts."""
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()


def _retry_after_s(error: stripe.StripeError) -> float | None:
    value = str((error.headers or {}).get("retry-after", "")).strip()
    return min(float(value), _LONGEST_WAIT_S) if value.isascii() and value.isdigit() else None


def code_of(error: stripe.StripeError) -> str:
    """Stripe's short code for an error; free words could hold anything."""
    code = error.code or ""
    return code if _CODE.fullmatch(code) else str(error.http_status or "unreadable answer")


def _fault(error: stripe.StripeError, *, perhaps_done: bool) -> ProviderError:
    if isinstance(error, stripe.APIConnectionError):
        reason = "connection lost" if perhaps_done else "no connection"
        return TransientProviderError(reason, provider_down=not perhaps_done, sent_unknown=perhaps_done)
    if isinstance(error, stripe.IdempotencyError):
        return PermanentProviderError("idempotency key used for another call")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        # our settings or the account are at fault, not this payment: it waits
        return TransientProviderError(str(error.http_status), provider_down=True, sent_unknown=perhaps_done)
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return PermanentProviderError(code_of(error))
    status = error.http_status or 0
    unreadable = 200 <= status < 300
    return TransientProviderError(
        "unreadable answer" if unreadable else str(status),
        retry_after_s=_retry_after_s(error),
        sent_unknown=perhaps_done or unreadable,
    )


@asynccontextmanager
async def calling(deadline_s: float, *, only_reads: bool = False) -> AsyncIterator[None]:
    """Around one call. Raises ProviderErrors in place of Stripe's.

    deadline_s: for all attempts together. only_reads: nothing can have been done.
    """
    token = _perhaps_done.set(False)
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError:
        raise TransientProviderError("timeout", sent_unknown=_perhaps_done.get() and not only_reads) from None
    except stripe.StripeError as error:
        raise _fault(error, perhaps_done=_perhaps_done.get() and not only_reads) from None
    finally:
        _perhaps_done.reset(token)
