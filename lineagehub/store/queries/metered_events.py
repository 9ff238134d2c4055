"""Which events of a batch are stored already, by their ids. Asked by the lineage-store agent, never for a tenant."""

from __future__ import annotations

from collections.abc import Sequence

from lineagehub.store.client import ClickHouse

IDS_AT_ONCE = 3_000
"""Ids in one statement: its parameters stand in the URL, and ClickHouse takes 1 MiB (http_max_uri_size)."""

_SQL = """
SELECT Namespace, EventId
FROM metered_events
WHERE (Namespace, EventId) IN
(
    SELECT pair.1, pair.2 FROM (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {ids:Array(String)})) AS pair)
)
AND ReceivedAt > fromUnixTimestamp64Milli({since:Int64}, 'UTC')
"""


async def find_stored(clickhouse: ClickHouse, events: Sequence[tuple[str, str]], since_ms: int) -> set[tuple[str, str]]:
    """Return those of the events, (namespace, id), that were received after `since_ms` and are stored. Raises Retryable."""
    found: set[tuple[str, str]] = set()
    for start in range(0, len(events), IDS_AT_ONCE):
        asked = events[start : start + IDS_AT_ONCE]
        namespaces, ids = zip(*asked, strict=True)
        rows = await clickhouse.select(_SQL, {"namespaces": namespaces, "ids": ids, "since": since_ms})
        found |= {(row["Namespace"], row["EventId"]) for row in rows}
    return found
