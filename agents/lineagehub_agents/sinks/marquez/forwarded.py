"""The forward-once table: which events Marquez has, on the topic `lineagehub-marquez-forwarded`, whole in memory.

Before an event is sent `sending` is written, after Marquez took it `forwarded`, each acknowledged. So whoever comes after a crash
knows which events are there, and which few may be: those it asks Marquez for. One table for all partitions: it says the
truth whoever wrote it, a member of a former generation too. Used by sink.py only.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from lineagehub.broker.catching_up import catch_up
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.topics import MARQUEZ_FORWARDED
from lineagehub.settings import KafkaSettings
from lineagehub_agents.sinks.marquez.id_window import IdWindow, hash_of

log = structlog.get_logger(__name__)

REMEMBERED_ENDS = 200_000
"""Runs whose end is remembered, the last ones: about 60 MB."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A terminal event that Marquez has. `time` is the event's own text; `moment` the same in microseconds since the epoch."""

    type: str
    time: str
    moment: int


class ForwardOnce:
    """The table. Writes raise Unavailable while Kafka is away."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic_name(MARQUEZ_FORWARDED)
        self._producer = Producer(kafka)
        self._view = CompactedView(kafka, self._topic, self._apply)
        self._forwarded = IdWindow()
        self._sending: dict[bytes, int] = {}
        self._ends: OrderedDict[bytes, RunEnd] = OrderedDict()
        self._writer = uuid.uuid4().hex

    async def start(self) -> None:
        """Begin to connect and to read, in the background."""
        await self._producer.start()
        await self._view.start()

    async def stop(self) -> None:
        """Close. May be repeated."""
        await self._view.stop()
        await self._producer.stop()

    async def catch_up(self) -> None:
        """Return once everything is known that anybody has written until now. Raises Unavailable."""
        await catch_up(self._view, self._producer, self._topic)

    def has(self, key: bytes) -> bool:
        """Whether Marquez has the event."""
        return hash_of(key) in self._forwarded

    def sending_since(self, key: bytes) -> int | None:
        """Since when the event may be on its way to Marquez, in milliseconds since the epoch; None if it is not."""
        return self._sending.get(key)

    def end_of(self, run: bytes) -> RunEnd | None:
        """Return the end of a run as Marquez has it."""
        return self._ends.get(run)

    async def note_sending(self, key: bytes) -> None:
        """Say that the event will be sent now."""
        now = _now_ms()
        await self._write(key, {"state": "sending", "at": now})
        self._sending[key] = now

    def note_failed(self, key: bytes) -> None:
        """Marquez answered that it failed, so the event is not on its way any more. In memory: a later life asks Marquez."""
        self._sending.pop(key, None)

    async def note_refused(self, key: bytes) -> None:
        """Say that the event will not be sent again."""
        if key in self._sending:
            await self._producer.send(self._topic, None, key=key)
            self._sending.pop(key, None)

    async def note_forwarded(self, key: bytes, run: bytes, end: RunEnd | None) -> None:
        """Say that Marquez has the event, which ended its run if `end` is given."""
        now = _now_ms()
        record: dict[str, Any] = {"state": "forwarded", "at": now}
        if end is not None:
            record["end"] = {"run": run.decode(), "type": end.type, "time": end.time, "moment": end.moment}
        await self._write(key, record)
        self._note(key, record)

    async def _write(self, key: bytes, record: dict[str, Any]) -> None:
        await self._producer.send(self._topic, orjson.dumps({**record, "by": self._writer}), key=key)

    def _apply(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._sending.pop(key, None)
        else:
            self._apply_record(key, value)

    def _apply_record(self, key: bytes, value: bytes) -> None:
        try:
            record = orjson.loads(value)
            if record["by"] != self._writer:
                # What this process wrote it has noted itself, and may know better by now.
                self._note(key, record)
        except (ValueError, LookupError, TypeError) as error:
            # Nobody else may write here; reading must go on, or nothing is forwarded ever again.
            log.error("A record of the forward-once table cannot be read.", key=repr(key), error=repr(error))

    def _note(self, key: bytes, record: dict[str, Any]) -> None:
        if record["state"] == "sending":
            if not self.has(key):
                self._sending.setdefault(key, record["at"])
            return
        self._sending.pop(key, None)
        self._forwarded.add(hash_of(key), record["at"])
        end = record.get("end")
        if end is not None:
            self._note_end(end["run"].encode(), RunEnd(end["type"], end["time"], end["moment"]))

    def _note_end(self, run: bytes, end: RunEnd) -> None:
        known = self._ends.get(run)
        if known is None or (known.moment, known.type) <= (end.moment, end.type):
            self._ends[run] = end
            self._ends.move_to_end(run)
            if len(self._ends) > REMEMBERED_ENDS:
                self._ends.popitem(last=False)


def _now_ms() -> int:
    return round(time.time() * 1000)
