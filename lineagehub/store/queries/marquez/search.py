"""Search by a part of a name, whatever its case; `%` and `_` are letters like others. Sorted as asked, which Marquez's is not."""

from __future__ import annotations

from datetime import date
from typing import Literal

from lineagehub.store.queries.events import EARLIEST, LATEST
from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.tenant import Data, Tenant

Sort = Literal["NAME", "UPDATE_AT"]
Kind = Literal["JOB", "DATASET"]

_MATCHES = (
    "positionCaseInsensitiveUTF8(Name, {text:String}) > 0 AND ({namespace:String} = '' OR Namespace = {namespace:String})"
    " AND UpdatedAt > parseDateTime64BestEffort({after:String}, 6, 'UTC')"
    " AND UpdatedAt < parseDateTime64BestEffort({before:String}, 6, 'UTC')"
)
_SEARCH = f"""
SELECT Kind, Namespace, Name, UpdatedAt
FROM
(
    SELECT 'JOB' AS Kind, toString(JobNamespace) AS Namespace, JobName AS Name, UpdatedAt FROM read_lineage_jobs(ns = {{ns:String}})
    UNION ALL
    SELECT 'DATASET', toString(DatasetNamespace), DatasetName, UpdatedAt FROM read_lineage_datasets(ns = {{ns:String}})
)
WHERE Kind IN {{kinds:Array(String)}} AND {_MATCHES}
"""  # noqa: S608 constants
_ORDERS = {
    "NAME": " ORDER BY Name, Namespace, Kind LIMIT {limit:UInt32}",
    "UPDATE_AT": " ORDER BY UpdatedAt DESC, Name, Namespace, Kind LIMIT {limit:UInt32}",
}


async def search(
    tenant: Tenant,
    text: str,
    *,
    kind: Kind | None,
    sort: Sort,
    limit: int,
    namespace: str | None,
    before: date | None,
    after: date | None,
) -> list[Data]:
    """Return at most `limit` jobs and datasets whose names hold the text, last updated within (after, before), the midnights of UTC."""
    rows = await tenant.select(
        _SEARCH + _ORDERS[sort],
        text=text,
        kinds=[kind] if kind else ["DATASET", "JOB"],
        namespace=namespace or "",
        before=f"{before}T00:00:00Z" if before else LATEST.isoformat(),
        after=f"{after}T00:00:00Z" if after else EARLIEST.isoformat(),
        limit=limit,
    )
    results: dict[str, Data] = {}
    for row in rows:
        name = row["Namespace"], row["Name"]
        if row["Kind"] == "DATASET":
            name = tenant.aliases.name_of(name)
        node_id = f"{row['Kind'].lower()}:{name[0]}:{name[1]}"
        results.setdefault(
            node_id,
            {
                "type": row["Kind"],
                "name": name[1],
                "updatedAt": instant(row["UpdatedAt"]),
                "namespace": name[0],
                "nodeId": node_id,
            },
        )
    return list(results.values())
