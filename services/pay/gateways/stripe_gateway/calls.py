"""Calls to Stripe: whether a failed one may have taken effect, and its failure in our words."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

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


class Transport(stripe.HTTPXClient):
    """stripe-python's own transport, which notes what each attempt may have done."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One attempt."""
        before = _perhaps_done.get()
        _perhaps_done.set(True)
        try:
            answer = await super().request_async(method, url, headers, post_data)
        except stripe.APIConnectionError as error:
            if isinstance(error.__cause__, _NEVER_LEFT):
                _perhaps_done.set(before)
            raise
        # 409: the same key is in hand in another connection. 5xx: Stripe says that the effect is not defined.
        if answer[1] < 500 and answer[1] != 409:
            _perhaps_done.set(before)
        return answer


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
