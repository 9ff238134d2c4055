"""How many events of a batch are new: stored for the first time in seven days. Asked by the lineage-store agent, never for a tenant.

Batches that are stored at about the same time are asked about at once: a question costs the agent 0.9 ms of CPU, of one batch as of four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lineagehub.contract.usage import FirstCopies, NewEvents
from lineagehub.store.client import ClickHouse

_SQL = """
SELECT
    multiIf({which}, -1) AS range,
    Namespace,
    intDiv(toUnixTimestamp64Milli(tupleElement(earliest, 2)), 86400000) AS day,
    countIf(NOT is_redriven) AS events,
    sumIf(tupleElement(earliest, 6), NOT is_redriven) AS bytes,
    countIf(({redriven}) AS is_redriven) AS redriven
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
_REDRIVEN = "(range = {number} AND has({{redriven_{number}:Array(Int64)}}, tupleElement(earliest, 5)))"
RECOGNISED_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class StoredRange:
    """Offsets `low` to `high` of a partition, received `since` to `until` (milliseconds since the epoch).

    `redriven`: the offsets of those that the hub has sent again from the dead letters.
    """

    topic: str
    partition: int
    low: int
    high: int
    since: int
    until: int
    redriven: tuple[int, ...] = ()


async def count_new_events(clickhouse: ClickHouse, ranges: Sequence[StoredRange]) -> list[FirstCopies]:
    """Return for each range how many events have their first copy in it. Ranges must not overlap.

    They must be stored. The answer stays the same for seven days. Raises Retryable.
    """
    since = min(stored.since for stored in ranges)
    parameters: dict[str, Any] = {"since": since, "recognised": since - RECOGNISED_MS}
    for number, stored in enumerate(ranges):
        parameters |= {f"{name}_{number}": getattr(stored, name) for name in ("topic", "partition", "low", "high")}
        parameters |= {f"since_{number}": stored.since, f"until_{number}": stored.until}
        if stored.redriven:
            parameters[f"redriven_{number}"] = list(stored.redriven)
    found: list[FirstCopies] = [{} for _ in ranges]
    for row in await clickhouse.select(_sql(ranges), parameters):
        counts = NewEvents(int(row["events"]), int(row["bytes"]), int(row["redriven"]))
        found[int(row["range"])][row["Namespace"], int(row["day"])] = counts
    return found


def _sql(ranges: Sequence[StoredRange]) -> str:
    numbers = range(len(ranges))
    lies_in = [f"({_LIES_IN.format(place='First', number=number)})" for number in numbers]
    which = [f"{(_LIES_IN + 'AND' + _CAME_IN).format(place='earliest', number=number)}, {number}" for number in numbers]
    redriven = [_REDRIVEN.format(number=number) for number in numbers if ranges[number].redriven]
    return _SQL.format(which=", ".join(which), any=" OR ".join(lies_in), redriven=" OR ".join(redriven) or "false")
