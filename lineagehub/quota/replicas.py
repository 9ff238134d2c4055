"""How many webs run: each writes a heartbeat to the topic `lineagehub-replicas` and counts those who did lately. It says in it what it has
let in, which agents follow (`view_of_let_in`).

Made by the web's owner, asked by rate_limiter.py for each charge. It never blocks and never fails: until others are heard of, a web
is alone, and while the broker does not answer, the last count stays. A web that starts or dies is counted right within
`LIFETIME_SECONDS`; one that stops says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

import structlog

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.heartbeats import Heartbeat, LetIn, decode_heartbeat, encode_heartbeat
from lineagehub.contract.topics import REPLICAS
from lineagehub.errors import Permanent, Unavailable
from lineagehub.quota.daily import DailyQuota
from lineagehub.settings import KafkaSettings

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.0
LIFETIME_SECONDS = 10.0
"""A web that has written nothing for so long is counted no more: nine heartbeats may be late."""
FAREWELL_SECONDS = 1.0

Clock = Callable[[], float]


class LivingReplicas:
    """The count itself, from heartbeats as they are read. Judges by when they arrive here, on one monotonic clock, never by their times.

    The topic is read from its beginning whenever the broker was lost: a heartbeat that is not newer than what is known of its replica
    was read before.
    """

    def __init__(self, own_id: str, clock: Clock = time.monotonic, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._own_id = own_id
        self._clock = clock
        self._lifetime_seconds = lifetime_seconds
        self._beats: dict[str, int] = {}
        self._heard_at: dict[str, float] = {}
        self._last_heard_at = -math.inf

    @property
    def count(self) -> int:
        """How many there are, this one included."""
        return len(self._heard_at) + (self._own_id not in self._heard_at)

    def note(self, key: bytes, value: bytes | None, *, is_new: bool) -> None:
        """Take in one record. `is_new`: it was not there before this process was; whoever wrote an older one may be dead."""
        replica = key.decode(errors="replace")
        if value is None:
            self._heard_at.pop(replica, None)
            return
        heartbeat = decode_heartbeat(value)
        if heartbeat is None or heartbeat.beat <= self._beats.get(replica, 0):
            return
        self._beats[replica] = heartbeat.beat
        if is_new:
            self._hear(replica, self._clock())

    def _hear(self, replica: str, now: float) -> None:
        if now - self._last_heard_at > self._lifetime_seconds:
            # Nobody was heard, not even this one: the broker was silent. All get their time once more.
            self._heard_at = dict.fromkeys(self._heard_at, now)
        self._last_heard_at = self._heard_at[replica] = now
        earliest = now - self._lifetime_seconds
        self._heard_at = {one: heard_at for one, heard_at in self._heard_at.items() if heard_at >= earliest}


class Replicas:
    """Writes this web's heartbeats and follows those of all. Start it once per process."""

    def __init__(
        self,
        kafka: KafkaSettings,
        producer: Producer,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        lifetime_seconds: float = LIFETIME_SECONDS,
        let_in: Callable[[], Sequence[LetIn]] = tuple,
    ) -> None:
        """`let_in` gives what this web has let in and does not see counted yet."""
        self.id = uuid4().hex
        self._heartbeat_seconds = heartbeat_seconds
        self._let_in = let_in
        self._producer = producer
        self._topic = kafka.topic_name(REPLICAS)
        self._living = LivingReplicas(self.id, lifetime_seconds=lifetime_seconds)
        self._view = CompactedView(kafka, self._topic, self._note)
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, in the background; a broker that is away delays nobody's start."""
        await self._view.start()
        self._beating = asyncio.create_task(self._beat_for_ever(), name="heartbeats")

    async def stop(self) -> None:
        """Say farewell, so that the others share the rates among themselves at once; takes a second at most. May be repeated."""
        beating, self._beating = self._beating, None
        await self._view.stop()
        if beating is None:
            return
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        with contextlib.suppress(Unavailable, Permanent, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._producer.send(self._topic, None, key=self.id.encode())

    def count(self) -> int:
        """Return how many webs there are, as far as this one knows; at least 1."""
        return self._living.count

    @property
    def seconds_since_contact(self) -> float:
        """Seconds since the broker last answered; the count is that of then."""
        return self._view.seconds_since_contact

    def _note(self, key: bytes, value: bytes | None) -> None:
        self._living.note(key, value, is_new=self._view.is_complete)

    async def _beat_for_ever(self) -> None:
        is_heard, beat = True, 0
        while True:
            beat += 1
            try:
                heartbeat = encode_heartbeat(Heartbeat(beat, tuple(self._let_in())))
                await self._producer.send(self._topic, heartbeat, key=self.id.encode())
            except (Unavailable, Permanent) as error:
                if is_heard:
                    log.warning("No heartbeat can be written: other webs do not count this one.", error=str(error))
                is_heard = False
            else:
                is_heard = True
            await asyncio.sleep(self._heartbeat_seconds)


def view_of_let_in(kafka: KafkaSettings, quota: DailyQuota) -> CompactedView:
    """Return a view that tells a quota what the webs have let in. For a process that is no web itself."""

    def note(key: bytes, value: bytes | None) -> None:
        # A web that stops leaves behind what it has let in, until that is counted.
        heartbeat = decode_heartbeat(value) if value is not None else None
        if heartbeat is not None:
            quota.note_let_in(key.decode(errors="replace"), heartbeat.let_in)

    return CompactedView(kafka, kafka.topic_name(REPLICAS), note)
