"""Deletes a dataset, job or OpenLineage namespace of a tenant: waits for what is in flight, audits, deletes (store/deletion.py), audits.

Called by the web's DELETE routes and `lineagehub lineage delete`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.backlog import wait_caught_up
from lineagehub.contract.audit import Action, Outcome
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.errors import LineageHubError, Retryable
from lineagehub.settings import KafkaSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.deletion import Found, Progress, Target, delete, find

log = structlog.get_logger(__name__)

STORE_GROUP = "lineage-store"
RETRY_AFTER_SECONDS = 5.0

ACTIONS = {
    "dataset": Action.LINEAGE_DATASET_DELETE,
    "job": Action.LINEAGE_JOB_DELETE,
    "namespace": Action.LINEAGE_NAMESPACE_DELETE,
}


class StoreBehind(Retryable):
    """Events that were accepted before are not stored yet: they would bring back what is deleted now."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Events that were accepted before this request are not stored yet after {seconds:g} s, and would bring"
            " back what it deletes. Nothing was deleted; is the agent lineage-store running?",
            RETRY_AFTER_SECONDS,
        )


class LineageDeleter:
    """Deletes on behalf of somebody. Calls may be concurrent and may be repeated. `catch_up_seconds`: how long to wait for the store."""

    def __init__(self, kafka: KafkaSettings, clickhouse: ClickHouse, audit: AuditLog, catch_up_seconds: float) -> None:
        self._kafka = kafka
        self._clickhouse = clickhouse
        self._audit = audit
        self._catch_up_seconds = catch_up_seconds

    async def find(self, tenant: str, target: Target) -> Found | None:
        """Return what there is to delete once all is stored that was accepted before; None if the tenant has nothing of that name.

        Raises StoreBehind if that takes too long, Unavailable of Kafka or ClickHouse.
        """
        topics = self._kafka.broker_topics(OPENLINEAGE_EVENTS)
        if not await wait_caught_up(self._kafka, STORE_GROUP, topics, self._catch_up_seconds):
            raise StoreBehind(self._catch_up_seconds)
        return await find(self._clickhouse, tenant, target)

    async def delete(self, origin: Origin, found: Found, progress: Progress = lambda _: None) -> datetime:
        """Delete what was found, on behalf of the origin, and return when that was done.

        Nothing is deleted when Kafka does not take the audit entry, which is Unavailable. Unavailable of ClickHouse may leave some of it;
        repeating `find` and this does the rest.
        """
        action = ACTIONS[found.kind]
        await self._audit.write(origin, action, found.node_id, Outcome.REQUESTED, found.counts)
        try:
            await delete(self._clickhouse, found, progress)
        except LineageHubError as error:
            await self._write_result(origin, action, found, Outcome.FAILED, {"error": str(error)[:500]})
            raise
        await self._write_result(
            origin, action, found, Outcome.DONE, {"rows": sum(found.rows.values()), **found.counts}
        )
        return datetime.now(UTC)

    async def _write_result(
        self, origin: Origin, action: Action, found: Found, outcome: Outcome, detail: dict[str, str | int]
    ) -> None:
        # The deed is on record as requested. That its result is not would be no reason to call it undone.
        try:
            await self._audit.write(origin, action, found.node_id, outcome, detail)
        except LineageHubError as error:
            log.error("The result of a deletion is not audited.", request_id=origin.request_id, error=str(error))
