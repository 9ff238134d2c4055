"""The metrics that a namespace has: one entry for each name and kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.metric_points import POINTS, VIEWS, Kind
from lineagehub.store.queries.paging import Conditions

MAXIMUM_SERVICES, SERVICE_CHARACTERS, TEXT_CHARACTERS = 50, 200, 1_000
"""Bounds of a summary: each text may be a megabyte long, and a page has a thousand summaries."""
_NAME_IN_KEY = 200
"""Characters of a name that order it and stand in a position; what names share beyond is ordered by a hash."""

_KEY = "Prefix, NameHash, Kind"


class MetricSummary(BaseModel):
    """One metric of one kind, from its points inside the window. Texts are cut to 1,000 characters."""

    name: str
    kind: Kind
    unit: str = Field(description="Of the newest point.")
    description: str = Field(description="Of the newest point.")
    services: list[str] = Field(description=f"At most {MAXIMUM_SERVICES}, sorted.")
    pointCount: int  # noqa: N815 our own answers are in camelCase
    lastTime: str = Field(description="Of the newest point, RFC 3339 with nanoseconds.")  # noqa: N815


@dataclass(frozen=True, slots=True)
class MetricPosition:
    """The last metric served."""

    prefix: str
    name_hash: str
    kind: str


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Which metrics; None is any. Times are nanoseconds since the epoch; `part_of_name` stands in the name."""

    since: int | None = None
    before: int | None = None
    part_of_name: str | None = None
    service: str | None = None


async def find_metrics(
    clickhouse: ClickHouse, namespace: str, wanted: MetricFilter, limit: int, after: MetricPosition | None
) -> tuple[list[MetricSummary], MetricPosition | None]:
    """Return a page of metrics by name and kind, and the position after it, None at the end."""
    conditions = Conditions({"ns": namespace, "most": limit + 1})
    conditions.add_window(POINTS["gauge"], wanted.since, wanted.before)
    if wanted.service is not None:
        conditions.add("ServiceName = {service:String}", service=wanted.service)
    if wanted.part_of_name is not None:
        conditions.add("position(MetricName, {part:String}) > 0", part=wanted.part_of_name)
    having = ""
    if after is not None:
        having = f"HAVING ({_KEY}) > ({{prefix:String}}, {{hash:UInt64}}, {{kind:String}})"
        conditions.parameters |= {"prefix": after.prefix, "hash": after.name_hash, "kind": after.kind}
    rows = await clickhouse.select(_sql(conditions, having), conditions.parameters)
    page = rows[:limit]
    position = None
    if len(rows) > limit:
        position = MetricPosition(page[-1]["Prefix"], page[-1]["Hash"], page[-1]["Kind"])
    return [_summary(row) for row in page], position


def _sql(conditions: Conditions, having: str) -> str:
    kinds = " UNION ALL ".join(
        f"SELECT '{kind}' AS Kind, MetricName, MetricUnit, MetricDescription, ServiceName, TimeUnix"  # noqa: S608 constants
        f" FROM {view}(ns = {{ns:String}}) WHERE {conditions.sql}"
        for kind, view in VIEWS.items()
    )
    return f"""
WITH
    substringUTF8(MetricUnit, 1, {TEXT_CHARACTERS}) AS Unit,
    substringUTF8(MetricDescription, 1, {TEXT_CHARACTERS}) AS Description,
    substringUTF8(ServiceName, 1, {SERVICE_CHARACTERS}) AS Service
SELECT
    substringUTF8(MetricName, 1, {TEXT_CHARACTERS}) AS Name,
    Kind,
    substringUTF8(MetricName, 1, {_NAME_IN_KEY}) AS Prefix,
    cityHash64(MetricName) AS NameHash,
    toString(NameHash) AS Hash,
    argMax((Unit, Description), (TimeUnix, Unit, Description)) AS Newest,
    arraySort(groupUniqArray({MAXIMUM_SERVICES})(Service)) AS Services,
    count() AS Points,
    max(TimeUnix) AS LastTime
FROM ({kinds})
GROUP BY MetricName, Kind
{having}
ORDER BY {_KEY}
LIMIT {{most:UInt32}}
"""  # noqa: S608 constants


def _summary(row: dict[str, Any]) -> MetricSummary:
    unit, description = row["Newest"]
    return MetricSummary(
        name=row["Name"],
        kind=row["Kind"],
        unit=unit,
        description=description,
        services=row["Services"],
        pointCount=row["Points"],
        lastTime=row["LastTime"],
    )
