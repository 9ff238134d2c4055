"""The Marquez sink: a batch becomes chains of events, chains go side by side in a few lanes, each event is sent once.

The same batch may be sent again after a failure or a crash: the forward-once table tells what is done. What may be done, because
an attempt's outcome is not known, Marquez is asked for.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import orjson
import structlog
from prometheus_client.core import Metric

from lineagehub.contract.reasons import Reason
from lineagehub.errors import ConfigurationError, Permanent, Retryable, Unavailable
from lineagehub.settings import Settings
from lineagehub_agents.delivery.records import CheckedRecord, Partition, SinkBatch, SomeRefused
from lineagehub_agents.sinks.marquez.client import MarquezClient, NotReached
from lineagehub_agents.sinks.marquez.events import marquez_event
from lineagehub_agents.sinks.marquez.forwarded import ForwardOnce, RunEnd
from lineagehub_agents.sinks.marquez.metrics import ForwarderMetrics
from lineagehub_agents.sinks.marquez.ordering import ForwardedEvent, chains_of, read_event
from lineagehub_agents.sinks.marquez.verdicts import Verdict, verdict_on

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0
"""After a restart of PostgreSQL Marquez answers 500 for 30 to 37 s."""

ATTEMPTS = 4
"""An event on which Marquez fails so often, while it takes others, is at fault. Real transient 500s came once (marquez.md)."""

ABANDONED_SECONDS = 60.0
"""Six times the longest pause between two attempts."""

SETTLE_SECONDS = 10.0
"""For so long an event may be on its way that was sent by a worker that is gone. The slowest answer measured took 2.6 s."""


@dataclass(slots=True)
class _Plan:
    """One batch on its way. It outlives a failed attempt, so that what is refused or posted is not sent again."""

    token: str
    chains: list[deque[ForwardedEvent]]
    refusals: list[tuple[CheckedRecord, Permanent]] = field(default_factory=list)
    tried_at: float = 0.0
    halted_by: BaseException | None = None

    @property
    def waiting(self) -> Iterator[ForwardedEvent]:
        """What is not done."""
        return (event for chain in self.chains for event in chain)


class MarquezSink:
    """Forwards lineage events to Marquez. One an agent process; partitions share its lanes."""

    maximum_records = 1_000
    is_eager = True

    def __init__(
        self, settings: Settings, patience_seconds: float = PATIENCE_SECONDS, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self.metrics = ForwarderMetrics()
        self._client = MarquezClient(settings.marquez)
        self._once = ForwardOnce(settings.kafka)
        self._lanes = asyncio.Semaphore(settings.marquez.lanes)
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._plans: dict[Partition, _Plan] = {}
        self._patience_seconds = patience_seconds
        self._settle_seconds = settle_seconds

    async def start(self) -> None:
        """See Sink."""
        await self._client.start()
        await self._once.start()

    async def close(self) -> None:
        """See Sink."""
        await self._once.stop()
        await self._client.close()

    async def send(self, batch: SinkBatch) -> None:
        """See Sink. Raises SomeRefused for events that Marquez cannot take; ConfigurationError when the URL is no Marquez."""
        await self._once.catch_up()
        plan = self._plan_of(batch)
        outcomes = await asyncio.gather(
            *(self._send_chain(chain, plan) for chain in plan.chains), return_exceptions=True
        )
        plan.tried_at = time.monotonic()
        _raise_worst(outcomes)
        self._plans = {partition: kept for partition, kept in self._plans.items() if kept is not plan}
        if plan.refusals:
            raise SomeRefused(plan.refusals)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the forwarder. Called when Prometheus asks."""
        self._forget_abandoned()
        waiting = [event.checked.record.timestamp_ms for plan in self._plans.values() for event in plan.waiting]
        self.metrics.unsent = len(waiting)
        self.metrics.oldest_unsent_ms = min(waiting, default=None)
        return self.metrics.collect()

    def _plan_of(self, batch: SinkBatch) -> _Plan:
        partition = batch.records[0].record.partition
        plan = self._plans.get(partition)
        if plan is None or plan.token != batch.token:
            chains = chains_of(read_event(checked) for checked in batch.records)
            plan = self._plans[partition] = _Plan(batch.token, [deque(chain) for chain in chains])
        plan.tried_at, plan.halted_by = math.inf, None
        return plan

    def _forget_abandoned(self) -> None:
        # A batch whose partition went to another worker is never tried again, and nobody tells.
        oldest = time.monotonic() - ABANDONED_SECONDS
        self._plans = {partition: plan for partition, plan in self._plans.items() if plan.tried_at > oldest}

    async def _send_chain(self, chain: deque[ForwardedEvent], plan: _Plan) -> None:
        """Send one event after another. A lane is taken for each anew, so that long chains do not keep short ones waiting.

        What concerns one event stops its chain; what concerns Marquez or Kafka stops all of them.
        """
        while chain:
            async with self._turn_of(chain[0].run), self._lanes:
                if plan.halted_by is not None:
                    return
                self.metrics.lanes_busy += 1
                try:
                    await self._send_event(chain[0])
                except Permanent as refusal:
                    await self._once.note_refused(chain[0].key)
                    plan.refusals.append((chain[0].checked, refusal))
                    self.metrics.refused[refusal.reason] += 1
                except BaseException as error:
                    if isinstance(error, Unavailable) or not isinstance(error, Retryable):
                        plan.halted_by = error
                    raise
                finally:
                    self.metrics.lanes_busy -= 1
            chain.popleft()

    def _turn_of(self, run: bytes) -> asyncio.Lock:
        # Events of one run whose parent only some of them name lie in several partitions; Marquez answers 500 to two at once.
        return self._turns.setdefault(run, asyncio.Lock()) if run else asyncio.Lock()

    async def _send_event(self, event: ForwardedEvent) -> None:
        if self._once.has(event.key):
            self.metrics.repeated += 1
            return
        end = self._later_end(event)
        document, repairs = marquez_event(event.checked.value, event.checked.envelope.namespace, end)
        if not event.is_posted:
            since = self._once.sending_since(event.key)
            if since is None or not await self._is_there(document, since):
                await self._post(event, orjson.dumps(document))
                self.metrics.forwarded += 1
                self.metrics.repaired.update(repairs)
            else:
                self.metrics.found_there += 1
            event.is_posted = True
        await self._once.note_forwarded(event.key, event.run, event.end if end is None else None)

    def _later_end(self, event: ForwardedEvent) -> RunEnd | None:
        end = self._once.end_of(event.run) if event.run else None
        return end if end is not None and event.order < (True, end.moment, end.type) else None

    async def _is_there(self, document: dict[str, object], since_ms: int) -> bool:
        """Whether Marquez has an event whose sending began at `since_ms` and has no known outcome."""
        age = time.time() - since_ms / 1000
        if await self._client.has_event(document):
            return True
        if age < self._settle_seconds:
            raise Retryable("An event may still be on its way to Marquez.", self._settle_seconds - age)
        return False

    async def _post(self, event: ForwardedEvent, body: bytes) -> None:
        await self._once.note_sending(event.key)
        self.metrics.attempts += 1
        try:
            status, text = await self._client.send(body)
        except NotReached:
            self._once.note_failed(event.key)
            raise
        except Unavailable as error:
            if await self._is_at_fault(event, patience_seconds=math.inf):
                raise Permanent(
                    Reason.RETRIES_EXHAUSTED, f"Marquez is well, but not with the event: {error}"
                ) from error
            raise
        verdict = verdict_on(status, text)
        if verdict is Verdict.STORED:
            return
        self._once.note_failed(event.key)
        said = f"{status}: {text[:300]}"
        if verdict is Verdict.REFUSED:
            raise Permanent(Reason.MARQUEZ_REJECTED, f"Marquez refuses the event with {said}")
        if verdict is Verdict.NO_MARQUEZ:
            log.critical("Marquez is not what answers; nothing more is forwarded.", answer=said)
            raise ConfigurationError(
                f"LINEAGEHUB_MARQUEZ_URL answers {said}: it is no Marquez.", "Correct LINEAGEHUB_MARQUEZ_URL."
            )
        if verdict is Verdict.AMBIGUOUS:
            if await self._is_at_fault(event, self._patience_seconds):
                raise Permanent(Reason.RETRIES_EXHAUSTED, f"Marquez is well, but fails on the event with {said}")
            raise Retryable(f"Marquez answers {said}")
        raise Unavailable("marquez", f"Marquez answers {said}")

    async def _is_at_fault(self, event: ForwardedEvent, patience_seconds: float) -> bool:
        """Whether the event, rather than Marquez, is why it fails: Marquez takes others meanwhile, or patience is at its end.

        Raises Unavailable when Marquez is not well.
        """
        now = time.monotonic()
        if not await self._client.is_well():
            event.failures = 0
            raise Unavailable("marquez", "Marquez is not well.")
        if event.failures == 0:
            event.failing_since, event.forwarded_before = now, self.metrics.forwarded
        event.failures += 1
        takes_others = self.metrics.forwarded > event.forwarded_before
        is_enough = event.failures >= ATTEMPTS and takes_others
        return is_enough or now - event.failing_since >= patience_seconds


def _raise_worst(outcomes: list[BaseException | None]) -> None:
    """Raise what is worst of the chains' outcomes: what must stop the process before what may pass."""
    errors = [outcome for outcome in outcomes if outcome is not None]
    fatal = [error for error in errors if not isinstance(error, Retryable)]
    if fatal:
        raise fatal[0]
    absent = [error for error in errors if isinstance(error, Unavailable)]
    if errors:
        raise (absent or errors)[0]
