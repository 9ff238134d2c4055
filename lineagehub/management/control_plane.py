"""Changes of namespaces, keys and limits, agreed on by all processes that make any. Used by the web and by commands.

A change is written to the control topic, and this process reads it back before it answers: then the own directory shows it, and tells
whether it is in force or came after somebody else's change of the same revision (contract/control.py). Whoever came late writes what is in
force again, so that compaction keeps that; if he dies before, any other process with a control plane does it, some seconds later.

With the embedded broker, which forgets everything when it dies, a change that is in force is journalled before it is acknowledged, and
with it all that was read and is not: others' changes that it may rest on. Not before it is written: the journal would hold changes that
lost, and could not tell.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from lineagehub.auth.directory import Directory, Verdict
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.control import READ_SECONDS, ControlWriter, key_of
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ControlRecord
from lineagehub.contract.topics import CONTROL
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

log = structlog.get_logger(__name__)

JournalAppend = Callable[[bytes, bytes | None], None]

APPLY_SECONDS = 5.0
"""A written record that was not read back by then is 503: it may be in force, or not."""
REPAIR_SECONDS = (2.0, 6.0)
"""Whoever came late repairs at once; others wait so long, each by chance, so that one does it."""
LOOK_SECONDS = 0.5


class ControlPlane:
    """The directory of a process that also writes it. Start it once; calls may be concurrent."""

    def __init__(
        self, kafka: KafkaSettings, directory: Directory, producer: Producer, journal: JournalAppend | None = None
    ) -> None:
        self.directory = directory
        self.view = CompactedView(kafka, kafka.topic_name(CONTROL), self._apply)
        self._writer = ControlWriter(producer, kafka.topic_name(CONTROL))
        self._journal = journal
        self._unjournalled: dict[bytes, bytes | None] = {}
        self._journalling = asyncio.Lock()
        self._repairing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow the topic, in the background: a broker that is away delays nobody's start."""
        await self.view.start()
        self._repairing = asyncio.create_task(self._repair_for_ever(), name="control repair")

    async def stop(self) -> None:
        """Stop following. May be repeated."""
        if self._repairing is not None:
            self._repairing.cancel()
            await asyncio.gather(self._repairing, return_exceptions=True)
        await self.view.stop()

    async def put(self, record: ControlRecord) -> bool:
        """Write a record and read it back; return whether it is in force, False when another change of its revision was first.

        Raises Unavailable when Kafka does not answer in time: then it may be in force, now or soon.
        """
        with self.view.watch() as watch:
            place = await self._writer.put(record)
            try:
                verdict = await watch.outcome(place, APPLY_SECONDS)
            except TimeoutError as error:
                raise Unavailable(
                    "kafka", f"A change was written and not read back within {APPLY_SECONDS:g} s.", 1.0
                ) from error
        if verdict is Verdict.LATE:
            await self._repair_at_once(key_of(record))
            return False
        await self._journal_what_is_in_force()
        return True

    def _apply(self, key: bytes, value: bytes | None) -> Verdict:
        verdict = self.directory.apply(key, value)
        # What stands there at the start came from the journal.
        if verdict is Verdict.TAKEN and self._journal is not None and self.view.is_complete:
            self._unjournalled[key] = value
        return verdict

    async def _journal_what_is_in_force(self) -> None:
        if self._journal is None:
            return
        async with self._journalling:
            pending, self._unjournalled = self._unjournalled, {}
            try:
                for key, value in pending.items():
                    await asyncio.to_thread(self._journal, key, value)
            except OSError as error:
                self._unjournalled = pending | self._unjournalled
                raise Unavailable("control journal", f"The control journal cannot be written: {error}.") from error

    async def _repair_at_once(self, key: bytes) -> None:
        try:
            await self._repair(key)
        except Unavailable as error:
            log.warning("A late change stands last for now; it is repaired soon.", key=key.decode(), error=str(error))

    async def _repair(self, key: bytes) -> None:
        in_force = self.directory.record(key)
        if in_force is not None and key in self.directory.contested:
            await self._writer.put(in_force.model_copy(update={"repair": in_force.repair + 1}))

    async def _repair_for_ever(self) -> None:
        """Repair after writers that died before they did."""
        due: dict[bytes, float] = {}
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            contested = set(self.directory.contested) if self.view.is_complete else set()
            now = time.monotonic()
            due = {key: due.get(key, now + random.uniform(*REPAIR_SECONDS)) for key in contested}  # noqa: S311 spreads load
            for key in [key for key, moment in due.items() if moment <= now]:
                await self._repair_at_once(key)
                del due[key]


@asynccontextmanager
async def open_control_plane(
    kafka: KafkaSettings, sealer: Sealer, producer: Producer, journal: JournalAppend | None = None
) -> AsyncIterator[ControlPlane]:
    """Give a control plane that has read the whole topic, for a command. Raises Unavailable."""
    control = ControlPlane(kafka, Directory(sealer), producer, journal)
    await control.start()
    try:
        if not await control.view.wait_complete(READ_SECONDS):
            raise Unavailable("kafka", f"The topic {kafka.topic_name(CONTROL)} could not be read from {kafka.brokers}.")
        yield control
    finally:
        await control.stop()
