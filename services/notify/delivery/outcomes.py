"""What follows from a try: done, another try, or the end. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import msgspec

from common.errors import PermanentProviderError, ProviderError, TransientProviderError
from common.queue import Work
from services.notify.channels.protocol import Accepted
from services.notify.delivery.store import Ending

# as the original: the first retry at once, then every five minutes for four hours
_SPACING_S = 300
_JITTER = 0.2
PATIENCE = timedelta(hours=4)


class Again(msgspec.Struct, frozen=True):
    """Another try is due."""

    due_at: datetime
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to record of a try, and what becomes of its work: done (again and dead_reason None), again, or dead."""

    ending: Ending | None = None
    again: Again | None = None
    dead_reason: str | None = None


def retry_at(work: Work, now: datetime, asked_s: float | None) -> datetime:
    """When the next try is due. asked_s: what the provider asked for."""
    if asked_s is not None:
        return now + timedelta(seconds=max(asked_s, 1.0))
    if work.attempt == 0:
        return now
    return now + timedelta(seconds=_SPACING_S * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311


def judge(
    work: Work,
    outcome: Accepted | ProviderError,
    *,
    due_at: datetime,
    now: datetime,
    provider: str,
    accepted_status: str,
    billable_units: int = 0,
) -> Verdict:
    """What follows from an outcome. due_at: when the message first should have gone; accepted_status: on acceptance."""
    if isinstance(outcome, Accepted):
        return Verdict(
            ending=Ending(
                id=work.ref,
                status=accepted_status,
                sent=True,
                provider=provider,
                provider_reference=outcome.provider_reference,
                billable_units=billable_units,
            )
        )
    if isinstance(outcome, PermanentProviderError):
        status = "permanent-failure" if outcome.recipient_fault else "technical-failure"
        ending = Ending(id=work.ref, status=status, sent=False, provider=provider, reason=outcome.reason)
        return Verdict(ending=ending, dead_reason=None if outcome.recipient_fault else outcome.reason)
    asked_s = outcome.retry_after_s if isinstance(outcome, TransientProviderError) else None
    if now - due_at >= PATIENCE:
        ending = Ending(id=work.ref, status="technical-failure", sent=False, provider=provider, reason=outcome.reason)
        return Verdict(ending=ending, dead_reason=f"retries used up: {outcome.reason}")
    return Verdict(again=Again(retry_at(work, now, asked_s), outcome.reason))
