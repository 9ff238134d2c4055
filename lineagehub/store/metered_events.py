"""How many events of a batch are new: stored for the first time in seven days. Asked by the lineage-store agent, never for a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lineagehub.contract.usage import NewEvents
from lineagehub.store.client import ClickHouse

_SQL = """
WITH
    fromUnixTimestamp64Milli({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Milli({until:Int64}, 'UTC') AS until,
    ({topic:String}, {partition:Int32}) AS place
SELECT
    Namespace,
    intDiv(toUnixTimestamp64Milli(tupleElement(earliest, 2)), 86400000) AS day,
    countIf(NOT is_redriven) AS events,
    sumIf(tupleElement(earliest, 6), NOT is_redriven) AS bytes,
    countIf(has({redriven:Array(Int64)}, tupleElement(earliest, 5)) AS is_redriven) AS redriven
FROM
(
    SELECT Namespace, EventTime, EventId, min(First) AS earliest
    FROM metered_events
    WHERE (Namespace, EventTime, EventId) IN
    (
        SELECT Namespace, EventTime, EventId
        FROM metered_events
        WHERE ReceivedAt >= since AND tupleElement(First, 5) BETWEEN {low:Int64} AND {high:Int64}
        AND (tupleElement(First, 3), tupleElement(First, 4)) = place
    )
    AND ReceivedAt > fromUnixTimestamp64Milli({recognised:Int64}, 'UTC')
    GROUP BY Namespace, EventTime, EventId
)
WHERE (tupleElement(earliest, 3), tupleElement(earliest, 4)) = place
AND tupleElement(earliest, 5) BETWEEN {low:Int64} AND {high:Int64}
AND tupleElement(earliest, 2) BETWEEN since AND until
GROUP BY Namespace, day
"""
RECOGNISED_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class StoredRange:
    """Offsets `low` to `high` of a partition, received `since` to `until` (milliseconds since the epoch)."""

    topic: str
    partition: int
    low: int
    high: int
    since: int
    until: int


async def count_new_events(
    clickhouse: ClickHouse, stored: StoredRange, redriven: Sequence[int] = ()
) -> dict[tuple[str, int], NewEvents]:
    """Return how many events have their first copy in this range, by namespace and day since the epoch.

    `redriven`: the offsets of those that were sent again. The range must be stored. The answer stays the same for seven days. Raises
    Retryable.
    """
    parameters: dict[str, Any] = {
        "topic": stored.topic,
        "partition": stored.partition,
        "low": stored.low,
        "high": stored.high,
        "since": stored.since,
        "until": stored.until,
        "recognised": stored.since - RECOGNISED_MS,
        "redriven": list(redriven),
    }
    rows = await clickhouse.select(_SQL, parameters)
    return {
        (row["Namespace"], int(row["day"])): NewEvents(int(row["events"]), int(row["bytes"]), int(row["redriven"]))
        for row in rows
    }
