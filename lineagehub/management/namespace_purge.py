"""Removes the data of deleted namespaces, whoever deleted them and whatever died meanwhile. Runs in each web.

A deleted namespace is unfinished until its record says `purged_at`; until then its name is not free. The web that deleted it goes first;
another one takes over when it has not finished some seconds later. Repeating costs a few counts.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime
from uuid import UUID

import structlog

from lineagehub.auth.issuing import changed_namespace
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.backlog import wait_caught_up
from lineagehub.contract.audit import Action, Actor
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.topics import OPENLINEAGE_EVENTS, OTEL_LOGS, OTEL_METRICS, OTEL_SPANS, Topic
from lineagehub.errors import LineageHubError
from lineagehub.management.audited import audited
from lineagehub.management.control_plane import ControlPlane
from lineagehub.settings import KafkaSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import delete_tenant

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 6.0
"""A deletion is known everywhere within 5 s: until then webs take requests of its keys, and agents store what comes."""
TAKE_OVER_SECONDS = (3.0, 8.0)
"""So much later, each by chance, webs that did not delete it finish it."""
CATCH_UP_SECONDS = 30.0
LOOK_SECONDS = 0.5
RETRY_SECONDS = 10.0

STORES: dict[str, tuple[Topic, ...]] = {
    "lineage-store": (OPENLINEAGE_EVENTS,),
    "telemetry-store": (OTEL_SPANS, OTEL_METRICS, OTEL_LOGS),
}
"""The agents that store, and what each reads: they must have passed what was on its way."""


class NamespacePurger:
    """Purges what is deleted, in the background."""

    def __init__(self, kafka: KafkaSettings, control: ControlPlane, clickhouse: ClickHouse, audit: AuditLog) -> None:
        self._kafka = kafka
        self._control = control
        self._clickhouse = clickhouse
        self._audit = audit
        self._due: dict[UUID, float] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look for deleted namespaces."""
        self._running = asyncio.create_task(self._run(), name="namespace purge")

    async def stop(self) -> None:
        """Stop, also in the middle of one. May be repeated."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def expect(self, record: NamespaceRecord) -> None:
        """Take care of a namespace that this process has deleted."""
        self._due[record.id] = time.monotonic() + SETTLE_SECONDS

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            unpurged = self._control.directory.unpurged_namespaces()
            self._due = {record.id: self._due[record.id] for record in unpurged if record.id in self._due}
            for record in unpurged:
                if time.monotonic() >= self._due.setdefault(record.id, _take_over_at(record)):
                    await self._try(record)

    async def _try(self, record: NamespaceRecord) -> None:
        try:
            await self.purge(record)
        except LineageHubError as error:
            log.warning("A deleted namespace is not purged yet.", namespace=record.name, error=str(error))
            self._due[record.id] = time.monotonic() + RETRY_SECONDS
        except Exception:
            # Whatever it is, it must not end the purging of others.
            log.exception("A deleted namespace cannot be purged.", namespace=record.name)
            self._due[record.id] = time.monotonic() + RETRY_SECONDS

    async def purge(self, record: NamespaceRecord) -> None:
        """Remove all data of a deleted namespace and say so in its record. May be repeated. Raises Unavailable, or what is behind."""
        for agent, topics in STORES.items():
            names = [name for topic in topics for name in self._kafka.broker_topics(topic)]
            if not await wait_caught_up(self._kafka, agent, names, CATCH_UP_SECONDS):
                raise LineageHubError(f"The agent {agent} has not passed what was sent before. Is it running?")
        origin = Origin(record.name, Actor(), f"purge-{record.id}")
        async with audited(self._audit, origin, Action.NAMESPACE_PURGE, record.name, {"id": str(record.id)}) as result:
            rows = await delete_tenant(self._clickhouse, record.name)
            result["rows"] = sum(rows.values())
            # Another web may have been first: then this one is late, which is as good.
            await self._control.put(changed_namespace(record, purged_at=datetime.now(UTC)))


def _take_over_at(record: NamespaceRecord) -> float:
    """Return when to finish what another web, or this one before it died, has deleted; on the monotonic clock."""
    assert record.deleted_at is not None, "it is deleted"
    age = (datetime.now(UTC) - record.deleted_at).total_seconds()
    wait = SETTLE_SECONDS + random.uniform(*TAKE_OVER_SECONDS) - age  # noqa: S311 spreads load
    return time.monotonic() + min(max(wait, 0.0), SETTLE_SECONDS + TAKE_OVER_SECONDS[1])
