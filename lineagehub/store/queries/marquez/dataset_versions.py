"""Versions of datasets: one for each run that wrote the dataset; for one that no run has written, the dataset as it is.

A version's facets are those that its run's events gave (runs.py EVENTS_OF_RUNS).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from datetime import datetime

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.links import AS_OF, IN_DATASETS, Parameters, names_of
from lineagehub.store.queries.marquez.datasets import datasets
from lineagehub.store.queries.marquez.identities import (
    IS_DATASET_VERSION,
    dataset_version,
    dataset_version_search,
    schema_version,
)
from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.runs import EVENTS_OF_RUNS, LARGEST_FACET, runs_by_id
from lineagehub.store.queries.marquez.tenant import Data, Rows, Tenant

_VERSIONS = (
    "SELECT RunId, min(v.CreatedAt) AS Created, max(v.UpdatedAt) AS Updated, max(v.SchemaHash).2 AS Schema, max(v.Lifecycle).2 AS Lifecycle"  # noqa: S608 a constant
    f" FROM read_lineage_dataset_versions(ns = {{ns:String}}) AS v WHERE {IN_DATASETS}"
)
_PAGE = " GROUP BY RunId ORDER BY Created DESC, RunId DESC LIMIT {limit:UInt32} OFFSET {offset:UInt32}"
_COUNT = f"SELECT uniqExact(RunId) AS total FROM read_lineage_dataset_versions(ns = {{ns:String}}) WHERE {IN_DATASETS}"  # noqa: S608 a constant
_SCHEMAS = (
    "SELECT Hash, Fields FROM read_lineage_schema_versions(ns = {ns:String})"  # noqa: S608 a constant
    f" WHERE {IN_DATASETS} AND Hash IN {{hashes:Array(String)}}"
)
_FACETS = f"""
SELECT RunId, facet.1 AS Facet, max((EventTime, facet.2)).2 AS Raw
FROM
(
    SELECT RunId, EventTime, dataset.5 AS Facets
    FROM read_lineage_events(ns = {{ns:String}})
    ARRAY JOIN lineagehub_event_datasets(lineagehub_event(Event), 'run') AS dataset
    WHERE (EventTime, EventId) IN {EVENTS_OF_RUNS} AND dataset.1 = 'output'
        AND (dataset.3, dataset.4) IN (SELECT arrayJoin(arrayZip({{namespaces:Array(String)}}, {{names:Array(String)}})))
)
ARRAY JOIN lineagehub_facets(Facets, '', []) AS facet
GROUP BY RunId, Facet
ORDER BY Facet
"""  # noqa: S608 constants
_VERSIONS_AT = (
    "SELECT DatasetNamespace, DatasetName, max((CreatedAt, RunId)).2 AS RunId"  # noqa: S608 constants
    f" FROM read_lineage_dataset_versions(ns = {{ns:String}}) WHERE {{time}} AND {IN_DATASETS}"
    " GROUP BY DatasetNamespace, DatasetName"
)


async def dataset_versions_page(tenant: Tenant, name: Name, limit: int, offset: int) -> tuple[list[Data], int]:
    """Return a page of the versions of a known dataset, the latest first, and how many there are."""
    of_dataset = names_of(tenant.all_names([name]))
    rows, total = await asyncio.gather(
        tenant.select(_VERSIONS + _PAGE, **of_dataset, limit=limit, offset=offset),
        tenant.select(_COUNT, **of_dataset),
    )
    count = int(total[0]["total"])
    if count == 0 and limit and not offset:
        return [await _unwritten(tenant, name)], 1
    return await _versions(tenant, name, rows), max(count, 1)


async def dataset_version_by_id(tenant: Tenant, name: Name, version: uuid.UUID) -> Data | None:
    """Return one version of a known dataset, or None."""
    rows = await version_rows(tenant, name, version)
    if rows:
        return (await _versions(tenant, name, rows))[0]
    return await _unwritten(tenant, name) if str(version) == dataset_version(name, "") else None


async def version_rows(tenant: Tenant, name: Name, version: uuid.UUID) -> Rows:
    """Return the row of a version that a run wrote (RunId, Created, Updated), or none."""
    return await tenant.select(
        f"{_VERSIONS} AND {IS_DATASET_VERSION} GROUP BY RunId",
        **names_of(tenant.all_names([name])),
        **dataset_version_search(name, version),
    )


async def versions_at(tenant: Tenant, names: Iterable[Name], as_of: datetime | None = None) -> dict[Name, str]:
    """Return the version that each of these datasets has now or had at an aware time."""
    wanted = set(names)
    sql = _VERSIONS_AT.replace("{time}", f"CreatedAt <= {AS_OF}" if as_of else "1")
    rows = await tenant.select_for(sql, tenant.all_names(wanted), **({"as_of": as_of.isoformat()} if as_of else {}))
    writers = {tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"])): row["RunId"] for row in rows}
    return {name: dataset_version(name, writers.get(name, "")) for name in wanted}


async def _versions(tenant: Tenant, name: Name, rows: Rows) -> list[Data]:
    if not rows:
        return []
    of_dataset: Parameters = {**names_of(tenant.all_names([name]))}
    run_ids = [row["RunId"] for row in rows]
    known, schemas, facet_rows, runs = await asyncio.gather(
        datasets(tenant, [name], LARGEST_FACET),
        tenant.select(_SCHEMAS, **of_dataset, hashes=sorted({row["Schema"] for row in rows})),
        tenant.select_for_runs(_FACETS, run_ids, **of_dataset),
        runs_by_id(tenant, run_ids),
    )
    fields = {row["Hash"]: orjson.loads(row["Fields"]) for row in schemas}
    facets: dict[str, Data] = {}
    for row in facet_rows:
        facet = orjson.loads(row["Raw"])
        if not facet.get("_deleted"):
            facets.setdefault(row["RunId"], {})[row["Facet"]] = facet
    return [
        _version(
            known[0],
            version=dataset_version(name, row["RunId"]),
            created_at=row["Created"],
            fields=fields.get(row["Schema"], []),
            schema=schema_version(name, row["Schema"]),
            state=row["Lifecycle"],
            run=runs.get(row["RunId"]),
            facets=facets.get(row["RunId"], {}),
        )
        for row in rows
    ]


async def _unwritten(tenant: Tenant, name: Name) -> Data:
    dataset = (await datasets(tenant, [name], LARGEST_FACET))[0]
    return _version(
        dataset,
        version=dataset["currentVersion"],
        created_at=dataset["createdAt"],
        fields=dataset["fields"],
        schema=schema_version(name, ""),
        state=dataset["lastLifecycleState"],
        run=None,
        facets=dataset["facets"],
    )


def _version(
    dataset: Data,
    *,
    version: str,
    created_at: str,
    fields: list[Data],
    schema: str,
    state: str,
    run: Data | None,
    facets: Data,
) -> Data:
    tags = {field["name"]: field["tags"] for field in dataset["fields"]}
    return {
        "id": dataset["id"],
        "type": dataset["type"],
        "name": dataset["name"],
        "physicalName": dataset["physicalName"],
        "createdAt": instant(created_at),
        "version": version,
        "namespace": dataset["namespace"],
        "sourceName": dataset["sourceName"],
        "fields": [
            {
                "name": field.get("name"),
                "type": field.get("type"),
                "tags": tags.get(field.get("name"), []),
                "description": field.get("description"),
            }
            for field in fields
            if isinstance(field, dict)
        ],
        "tags": dataset["tags"],
        "lifecycleState": state,
        "description": dataset["description"],
        "currentSchemaVersion": schema,
        "createdByRun": run,
        "facets": facets,
    }
