"""Claim, compose, mark, send, record.

Each chunk is marked as about to go out and committed before the provider is called; what came of it is recorded and the
work taken off the list in one transaction afterwards, together with the mark of the next chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import structlog

from common import clock
from common.crypto import UnknownKey, UnreadableBlob
from common.db import Database, Tx
from common.db.away import AWAY
from common.errors import TransientProviderError, Unavailable
from common.queue import Work, WorkList
from common.queue.hold import Hold, holding
from services.notify.channels.protocol import Accepted, EmailChannel, Outcome, OutgoingEmail, OutgoingText, TextChannel
from services.notify.delivery import store
from services.notify.delivery.compose import CannotLeave, Composer, Held
from services.notify.delivery.outcomes import Verdict, judge
from services.notify.delivery.store import Ending, Waiting
from services.notify.messages.accept import SIMULATED_LANE
from services.notify.receipts import store as receipt_store
from services.notify.recipients.errors import InvalidPhone
from services.notify.recipients.phone import parse_phone
from services.notify.recipients.simulated import outcome_with_test_key

log = structlog.get_logger(__name__)

LEASE_S = 60.0  # renewed while a batch is in hand
_RECORD_FOR_S = 600.0
_HELD_FOR = timedelta(minutes=5)
_RECORD_AGAIN_S = 0.5
_OUTAGE_REST_S = 5.0


class Ready(msgspec.Struct, frozen=True):
    """Composed work."""

    work: Work
    message: Waiting
    outgoing: OutgoingEmail | OutgoingText
    fragments: int = 0


class Deferred(msgspec.Struct, frozen=True):
    """Work put off through no fault of its own."""

    work: Work
    due_at: datetime
    reason: str


class Sorted(msgspec.Struct):
    """A claimed batch sorted by what is to be done with it."""

    ready: list[Ready]
    verdicts: list[tuple[Work, Verdict]]
    deferred: list[Deferred]


class Deliverer:
    """Delivers the lanes of one worker process."""

    def __init__(
        self,
        database: Database,
        work: WorkList,
        composer: Composer,
        *,
        email: EmailChannel,
        text: TextChannel,
        batch: int,
        hourly_limit: int,
    ) -> None:
        self._database = database
        self._work = work
        self._composer = composer
        self._email = email
        self._text = text
        self._batch = batch
        self._hourly_limit = hourly_limit
        self._resumes_at: dict[str, float] = {}  # channel → when to try a provider again that is down

    async def deliver(self, lane: str) -> int:
        """Claim a batch of a lane and see it through; gives how many were claimed."""
        if self._is_paused(lane.split("-")[0]):
            return 0
        async with self._database.transaction() as tx:
            works = await self._work.claim(tx, lane, limit=self._batch, lease_s=LEASE_S)
        if not works:
            return 0
        async with holding(self._database, self._work, works, lease_s=LEASE_S) as hold:
            async with self._database.reading() as tx:
                messages = await store.waiting(tx, [w.ref for w in works])
            if lane == SIMULATED_LANE:
                await self._simulate(hold, works, messages)
            else:
                await self._deliver(hold, works, messages)
        return len(works)

    def _is_paused(self, channel: str) -> bool:
        return self._resumes_at.get(channel, 0.0) > asyncio.get_running_loop().time()

    def _note_outage(self, channel: str, outcomes: Sequence[Outcome]) -> None:
        """A provider that took nothing and is down gets a rest: no batch of its lanes begins for a while."""
        is_down = any(isinstance(o, TransientProviderError) and o.provider_down for o in outcomes)
        if is_down and not any(isinstance(o, Accepted) for o in outcomes):
            self._resumes_at[channel] = asyncio.get_running_loop().time() + _OUTAGE_REST_S
            log.warning("delivery.provider_down", channel=channel, messages=len(outcomes))

    async def _deliver(self, hold: Hold, works: Sequence[Work], messages: dict[UUID, Waiting]) -> None:
        batch = await self._sorted(works, messages)
        await self._hold_back(batch)
        ready = batch.ready
        verdicts, deferred = batch.verdicts, batch.deferred
        chunk_size = self._text.chunk if ready and isinstance(ready[0].outgoing, OutgoingText) else self._email.chunk
        for start in range(0, len(ready), chunk_size):
            chunk = ready[start : start + chunk_size]
            if self._is_paused(chunk[0].message.channel):
                await self._give_back(hold, [r.work for r in ready[start:]])
                break
            marked = await self._record(hold, verdicts, deferred, [r.work for r in chunk])
            chunk = [r for r in chunk if r.work.id in marked]
            verdicts, deferred = await self._send(chunk), []
        if verdicts or deferred:
            await self._record(hold, verdicts, deferred, [])

    async def _give_back(self, hold: Hold, works: Sequence[Work]) -> None:
        async with hold.turn, self._database.transaction() as tx:
            await self._work.release(tx, hold.now(works))
        hold.settle(works)

    # composing --------------------------------------------------------------

    async def _sorted(self, works: Sequence[Work], messages: dict[UUID, Waiting]) -> Sorted:
        batch = Sorted([], [], [])
        for count, work in enumerate(works):
            if count % 20 == 19:
                await asyncio.sleep(0)  # rendering must not starve the connections of other batches
            message = messages.get(work.ref)
            if message is None or message.status != "created" or message.personal is None:
                # cancelled, reported on already, or past retention: nothing is left to do
                batch.verdicts.append((work, Verdict()))
                continue
            try:
                batch.ready.append(await self._composed(work, message))
            except Held:
                batch.deferred.append(Deferred(work, clock.now() + _HELD_FOR, "service suspended"))
            except UnknownKey:
                # another process has a newer ring: ours will have it too once this one is restarted
                log.error("delivery.key_unknown", message_id=str(message.id))
                batch.deferred.append(Deferred(work, clock.now() + _HELD_FOR, "key not in this worker's ring"))
            except (CannotLeave, UnreadableBlob) as error:
                reason = error.reason if isinstance(error, CannotLeave) else "personal data unreadable"
                ending = Ending(id=work.ref, status="technical-failure", sent=False, reason=reason)
                batch.verdicts.append((work, Verdict(ending=ending, dead_reason=reason)))
            except (Unavailable, asyncpg.PostgresError, *AWAY):
                raise  # the database's fault, not the message's: the batch is given back
            except Exception as error:  # one message that cannot be composed must not hold up its lane
                log.exception("delivery.not_composed", message_id=str(message.id))
                batch.verdicts.append((work, self._not_composed(work, message, error)))
        return batch

    @staticmethod
    def _not_composed(work: Work, message: Waiting, error: Exception) -> Verdict:
        fault = TransientProviderError(f"not composed: {type(error).__name__}")
        return judge(
            work,
            fault,
            patience_from=message.patience_from,
            now=clock.now(),
            provider="none",
            accepted_status="sending",
        )

    async def _composed(self, work: Work, message: Waiting) -> Ready:
        if message.channel == "email":
            return Ready(work, message, await self._composer.email(message))
        composed = await self._composer.text(message)
        return Ready(work, message, composed.outgoing, composed.fragments)

    async def _hold_back(self, batch: Sorted) -> None:
        """The guard against pumping: put off what would exceed a recipient's messages an hour."""
        indexes = [r.message.recipient_index for r in batch.ready if r.message.recipient_index is not None]
        if not self._hourly_limit or not indexes:
            return
        async with self._database.reading() as tx:
            sent = await store.recently_sent(tx, indexes, self._hourly_limit)
        kept: list[Ready] = []
        for ready in batch.ready:
            index = ready.message.recipient_index or b""
            sent[index] = sent.get(index, 0) + 1
            if sent[index] <= self._hourly_limit:
                kept.append(ready)
            elif clock.now() - ready.message.patience_from < timedelta(hours=24):
                batch.deferred.append(Deferred(ready.work, clock.now() + _HELD_FOR, "recipient's hourly limit"))
            else:
                reason = "recipient's hourly limit"
                ending = Ending(id=ready.work.ref, status="technical-failure", sent=False, reason=reason)
                batch.verdicts.append((ready.work, Verdict(ending=ending, dead_reason=reason)))
        batch.ready = kept

    # sending ------------------------------------------------------------------

    async def _send(self, chunk: Sequence[Ready]) -> list[tuple[Work, Verdict]]:
        if not chunk:
            return []
        emails = [r.outgoing for r in chunk if isinstance(r.outgoing, OutgoingEmail)]
        if emails:
            outcomes = await self._email.send_many(emails)
        else:
            outcomes = await self._send_texts(chunk)
        self._note_outage(chunk[0].message.channel, outcomes)
        return [(r.work, self._judged(r, outcome)) for r, outcome in zip(chunk, outcomes, strict=True)]

    def _judged(self, ready: Ready, outcome: Outcome) -> Verdict:
        channel = self._email if isinstance(ready.outgoing, OutgoingEmail) else self._text
        return judge(
            ready.work,
            outcome,
            patience_from=ready.message.patience_from,
            now=clock.now(),
            provider=channel.name,
            accepted_status=self._accepted_status(ready) if channel.reports_receipts else "delivered",
            billable_units=ready.fragments,
        )

    @staticmethod
    def _accepted_status(ready: Ready) -> str:
        """What a message is until its receipt comes; few countries send any, so a text abroad waits for none."""
        if isinstance(ready.outgoing, OutgoingEmail):
            return "sending"
        try:
            # with the plus: without it some numbers abroad read like one at home that does not exist
            return "sent" if parse_phone(f"+{ready.outgoing.to}").is_international else "sending"
        except InvalidPhone:  # a country that was struck off since the message was accepted
            return "sent"

    async def _send_texts(self, chunk: Sequence[Ready]) -> list[Outcome]:
        """A text whose fate is unknown (marked before a crash, or tried before) is asked for first."""
        outcomes: dict[UUID, Outcome] = {}
        tried = [r for r in chunk if r.work.attempt > 0 or r.work.in_flight_at is not None]
        for ready, answer in zip(tried, await asyncio.gather(*(self._ask(r) for r in tried)), strict=True):
            if answer is not None:
                outcomes[ready.work.id] = answer
        left = [r for r in chunk if r.work.id not in outcomes]
        texts = [r.outgoing for r in left if isinstance(r.outgoing, OutgoingText)]
        if texts:
            for ready, outcome in zip(left, await self._text.send_many(texts), strict=True):
                outcomes[ready.work.id] = outcome
        return [outcomes[r.work.id] for r in chunk]

    async def _ask(self, ready: Ready) -> Outcome | None:
        try:
            reference = await self._text.ask(ready.work.ref)
        except TransientProviderError as error:
            return error
        return None if reference is None else Accepted(reference)

    # recording ----------------------------------------------------------------

    async def _record(
        self,
        hold: Hold,
        verdicts: Sequence[tuple[Work, Verdict]],
        deferred: Sequence[Deferred],
        next_up: Sequence[Work],
    ) -> set[UUID]:
        """Record what came of a chunk and mark the next; gives the ids of the marked that are still ours."""

        async def in_one(tx: Tx) -> set[UUID]:
            await self._settle(tx, hold, verdicts, deferred)
            return await self._work.mark_in_flight(tx, hold.now(next_up)) if next_up else set()

        return await self._surely(hold, in_one, [w for w, _ in verdicts] + [d.work for d in deferred])

    async def _settle(
        self, tx: Tx, hold: Hold, verdicts: Sequence[tuple[Work, Verdict]], deferred: Sequence[Deferred]
    ) -> None:
        await store.record(tx, [v.ending for _, v in verdicts if v.ending is not None])
        held = dict(zip([w.id for w, _ in verdicts], hold.now(w for w, _ in verdicts), strict=True))
        if done := [held[w.id] for w, v in verdicts if v.again is None and v.dead_reason is None]:
            await self._work.done(tx, done)
        again = [(held[w.id], v.again) for w, v in verdicts if v.again is not None]
        if counted := [(w, a.due_at, a.reason) for w, a in again if a.is_counted]:
            await self._work.reschedule(tx, counted)
        if uncounted := [(w, a.due_at, a.reason) for w, a in again if not a.is_counted]:
            await self._work.defer(tx, uncounted)
        if dead := [(held[w.id], v.dead_reason) for w, v in verdicts if v.dead_reason is not None]:
            await self._work.bury(tx, dead)
        if deferred:
            works = hold.now(d.work for d in deferred)
            await self._work.defer(tx, [(w, d.due_at, d.reason) for w, d in zip(works, deferred, strict=True)])

    async def _surely(
        self, hold: Hold, change: Callable[[Tx], Awaitable[set[UUID]]], settled: Sequence[Work]
    ) -> set[UUID]:
        """A lost database must not make us forget what has gone out: try again for ten minutes."""
        give_up_at = asyncio.get_running_loop().time() + _RECORD_FOR_S
        while True:
            try:
                async with hold.turn, self._database.transaction() as tx:
                    marked = await change(tx)
            except (asyncpg.PostgresError, Unavailable, *AWAY) as error:
                # a fault of the data itself would come again; anything else (a lost connection, a deadlock) may pass
                if isinstance(error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError):
                    raise
                if asyncio.get_running_loop().time() >= give_up_at:
                    raise
                log.warning("delivery.record_again", error=type(error).__name__)
                await asyncio.sleep(_RECORD_AGAIN_S)
            else:
                hold.settle(settled)
                return marked

    # test keys ------------------------------------------------------------------

    async def _simulate(self, hold: Hold, works: Sequence[Work], messages: dict[UUID, Waiting]) -> None:
        """With a test key nothing leaves: the message is sending, then what its recipient stands for."""
        batch = await self._sorted(works, messages)
        verdicts = list(batch.verdicts)
        receipts = []
        for ready in batch.ready:
            ending = Ending(
                id=ready.work.ref, status="sending", sent=True, provider="simulated", billable_units=ready.fragments
            )
            verdicts.append((ready.work, Verdict(ending=ending)))
            outcome = outcome_with_test_key(ready.message.channel, ready.outgoing.to)
            receipts.append(receipt_store.Receipt(ready.work.ref, outcome))

        async def in_one(tx: Tx) -> set[UUID]:
            await self._settle(tx, hold, verdicts, batch.deferred)
            if receipts:
                await receipt_store.apply(tx, receipts)
            return set()

        await self._surely(hold, in_one, works)
