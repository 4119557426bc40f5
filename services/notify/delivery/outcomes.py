"""What follows from a try: done, another try, or the end. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import msgspec

from common.errors import PermanentProviderError, ProviderError, TransientProviderError
from common.queue import Backoff, Work
from services.notify.channels.protocol import Accepted
from services.notify.delivery.store import Ending

# as the original: the first retry at once, then every five minutes for four hours
BACKOFF = Backoff()
# while the provider as a whole is down no try is counted; after a day the message is given up all the same
LONGEST_OUTAGE = timedelta(hours=24)
_OUTAGE_PAUSE_S = 30.0


class Again(msgspec.Struct, frozen=True):
    """Another try is due. is_counted: the failed one was this message's own, not the provider's outage."""

    due_at: datetime
    reason: str
    is_counted: bool = True


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to record of a try, and what becomes of its work: done (again and dead_reason None), again, or dead."""

    ending: Ending | None = None
    again: Again | None = None
    dead_reason: str | None = None


def judge(
    work: Work,
    outcome: Accepted | ProviderError,
    *,
    patience_from: datetime,
    now: datetime,
    provider: str,
    accepted_status: str,
    billable_units: int = 0,
) -> Verdict:
    """What follows from an outcome.

    patience_from: since when an outage is borne. accepted_status: where the message moves on acceptance.
    """
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
    again = _again(work, outcome, patience_from, now)
    if again is None:
        ending = Ending(id=work.ref, status="technical-failure", sent=False, provider=provider, reason=outcome.reason)
        return Verdict(ending=ending, dead_reason=f"retries used up: {outcome.reason}")
    return Verdict(again=again)


def _again(work: Work, outcome: ProviderError, patience_from: datetime, now: datetime) -> Again | None:
    """The next try, or None when patience is at its end."""
    asked_s = outcome.retry_after_s if isinstance(outcome, TransientProviderError) else None
    if isinstance(outcome, TransientProviderError) and outcome.provider_down:
        if now - patience_from >= LONGEST_OUTAGE:
            return None
        pause_s = max(asked_s or 0, _OUTAGE_PAUSE_S * random.uniform(0.8, 1.2))  # noqa: S311
        return Again(now + timedelta(seconds=pause_s), outcome.reason, is_counted=False)
    delay_s = BACKOFF.delay_s(work.attempt + 1, retry_after_s=asked_s)
    return None if delay_s is None else Again(now + timedelta(seconds=delay_s), outcome.reason)
