"""Which run wrote the version of a dataset that was there at a time: the last that had named it as an output before."""

from __future__ import annotations

from collections.abc import Iterable

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.links import CHUNK, CHUNK_LENGTH
from lineagehub.store.queries.marquez.tenant import Tenant

Read = tuple[Name, str]
"""A dataset's canonical name and a time as ClickHouse writes it."""

_WRITERS = """
SELECT wanted.Number AS Number, written.RunId AS RunId, written.CreatedAt AS CreatedAt
FROM
(
    SELECT part.1 AS Namespace, part.2 AS Name, parseDateTime64BestEffort(part.3, 6, 'UTC') AS At, part.4 AS Number
    FROM
    (
        SELECT arrayJoin(arrayZip(
            {namespaces:Array(String)}, {names:Array(String)}, {times:Array(String)}, {numbers:Array(UInt32)})) AS part
    )
) AS wanted
ASOF INNER JOIN
(
    SELECT toString(DatasetNamespace) AS Namespace, DatasetName AS Name, RunId, CreatedAt
    FROM read_lineage_dataset_versions(ns = {ns:String})
    WHERE (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))
) AS written
ON wanted.Namespace = written.Namespace AND wanted.Name = written.Name AND wanted.At > written.CreatedAt
"""


async def writers_before(tenant: Tenant, reads: Iterable[Read]) -> dict[Read, str]:
    """Return the run that wrote what was read, under any of the dataset's names; reads of what no run had written are left out."""
    wanted = sorted(set(reads))
    latest: dict[int, tuple[str, str]] = {}
    for chunk in _chunks(tenant, wanted):
        rows = await tenant.select(
            _WRITERS,
            namespaces=[name[0] for name, _, _ in chunk],
            names=[name[1] for name, _, _ in chunk],
            times=[at for _, at, _ in chunk],
            numbers=[number for _, _, number in chunk],
        )
        for row in rows:
            found = row["CreatedAt"], row["RunId"]
            latest[row["Number"]] = max(latest.get(row["Number"], found), found)
    return {wanted[number]: run_id for number, (_, run_id) in latest.items()}


def _chunks(tenant: Tenant, reads: list[Read]) -> list[list[tuple[Name, str, int]]]:
    """Return a row for every name of each dataset, in lists that one query can name."""
    lists: list[list[tuple[Name, str, int]]] = []
    length = 0
    for number, (canonical, at) in enumerate(reads):
        for name in tenant.aliases.names_of(canonical):
            size = len(name[0]) + len(name[1]) + len(at)
            if not lists or length + size > CHUNK_LENGTH or len(lists[-1]) == CHUNK:
                lists.append([])
                length = 0
            lists[-1].append((name, at, number))
            length += size
    return lists
