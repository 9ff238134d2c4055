"""How many events of a batch are new: stored for the first time in seven days. Asked by the lineage-store agent, never for a tenant.

Batches that are stored at about the same time are asked about at once: a question costs the agent 0.9 ms of CPU, of one batch as of four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lineagehub.store.client import ClickHouse

_SQL = """
SELECT
    multiIf({which}, -1) AS range,
    Namespace,
    intDiv(toUnixTimestamp64Milli(tupleElement(earliest, 2)), 86400000) AS day,
    count() AS events,
    sum(tupleElement(earliest, 6)) AS bytes
FROM
(
    SELECT Namespace, EventTime, EventId, min(First) AS earliest
    FROM metered_events
    WHERE (Namespace, EventTime, EventId) IN
    (
        SELECT Namespace, EventTime, EventId
        FROM metered_events
        WHERE ReceivedAt >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC') AND ({any})
    )
    AND ReceivedAt > fromUnixTimestamp64Milli({{recognised:Int64}}, 'UTC')
    GROUP BY Namespace, EventTime, EventId
)
WHERE range >= 0
GROUP BY range, Namespace, day
"""
_LIES_IN = """
    tupleElement({place}, 5) BETWEEN {{low_{number}:Int64}} AND {{high_{number}:Int64}}
    AND (tupleElement({place}, 3), tupleElement({place}, 4)) = ({{topic_{number}:String}}, {{partition_{number}:Int32}})
"""
_CAME_IN = """
    tupleElement(earliest, 2) BETWEEN fromUnixTimestamp64Milli({{since_{number}:Int64}}, 'UTC')
    AND fromUnixTimestamp64Milli({{until_{number}:Int64}}, 'UTC')
"""
RECOGNISED_MS = 7 * 86_400_000

NewEvents = dict[tuple[str, int], tuple[int, int]]
"""By namespace and day since the epoch: events, and their bytes."""


@dataclass(frozen=True, slots=True)
class StoredRange:
    """Offsets `low` to `high` of a partition, received `since` to `until` (milliseconds since the epoch)."""

    topic: str
    partition: int
    low: int
    high: int
    since: int
    until: int


async def count_new_events(clickhouse: ClickHouse, ranges: Sequence[StoredRange]) -> list[NewEvents]:
    """Return for each range how many events have their first copy in it. Ranges must not overlap.

    They must be stored. The answer stays the same for seven days. Raises Retryable.
    """
    since = min(stored.since for stored in ranges)
    parameters: dict[str, str | int] = {"since": since, "recognised": since - RECOGNISED_MS}
    for number, stored in enumerate(ranges):
        parameters |= {f"{name}_{number}": getattr(stored, name) for name in StoredRange.__slots__}
    found: list[NewEvents] = [{} for _ in ranges]
    for row in await clickhouse.select(_sql(len(ranges)), parameters):
        found[int(row["range"])][row["Namespace"], int(row["day"])] = (int(row["events"]), int(row["bytes"]))
    return found


def _sql(count: int) -> str:
    numbers = range(count)
    lies_in = [f"({_LIES_IN.format(place='First', number=number)})" for number in numbers]
    which = [f"{(_LIES_IN + 'AND' + _CAME_IN).format(place='earliest', number=number)}, {number}" for number in numbers]
    return _SQL.format(which=", ".join(which), any=" OR ".join(lies_in))
