"""Datasets, each by its canonical name, with what is known of it under any of its names.

Only what the dataset's facets say counts: fields of a schema facet, tags of a tags facet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.graph_nodes import dataset_data, member
from lineagehub.store.queries.links import IN_DATASETS
from lineagehub.store.queries.marquez.columns import column_lineage_of
from lineagehub.store.queries.marquez.identities import dataset_version
from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.runs import LARGEST_FACET, LARGEST_LISTED_FACET
from lineagehub.store.queries.marquez.sources import DEFAULT_SOURCE
from lineagehub.store.queries.marquez.tenant import Data, Rows, Tenant
from lineagehub.store.queries.node_ids import Node

_ROWS = (
    "SELECT DatasetNamespace, DatasetName, CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {ns:String})"  # noqa: S608 a constant
    f" WHERE {IN_DATASETS}"
)
_FACETS = (
    "SELECT DatasetNamespace, DatasetName, toString(Part) AS Part, Facet, FacetTime, Raw"  # noqa: S608 a constant
    " FROM read_lineage_dataset_facets(ns = {ns:String})"
    " WHERE Part != 'outputFacets' AND (Facet IN ('documentation', 'schema', 'tags') OR length(Raw) <= {largest:UInt32})"
    f" AND {IN_DATASETS}"
)
_LATEST = (
    "SELECT DatasetNamespace, DatasetName, max((CreatedAt, RunId)) AS Latest"  # noqa: S608 a constant
    f" FROM read_lineage_dataset_versions(ns = {{ns:String}}) WHERE {IN_DATASETS} GROUP BY DatasetNamespace, DatasetName"
)
_MODIFIED = f"""
SELECT DatasetNamespace, DatasetName, max(Ended) AS ModifiedAt
FROM (SELECT DatasetNamespace, DatasetName, RunId FROM read_lineage_dataset_versions(ns = {{ns:String}}) WHERE {IN_DATASETS}) AS v
INNER JOIN
(
    SELECT RunId, Ended FROM read_lineage_job_runs(ns = {{ns:String}})
    WHERE Completed IS NOT NULL AND (JobNamespace, JobName, RunId) IN
        (SELECT JobNamespace, JobName, RunId FROM read_lineage_dataset_versions(ns = {{ns:String}}) WHERE {IN_DATASETS})
) AS r ON v.RunId = r.RunId
GROUP BY DatasetNamespace, DatasetName
"""  # noqa: S608 constants
_LITTLE_FACETS = (
    "SELECT DatasetNamespace, DatasetName, 'facets' AS Part, Facet, FacetTime, Raw"  # noqa: S608 a constant
    " FROM read_lineage_dataset_facets(ns = {ns:String})"
    f" WHERE Part = 'facets' AND Facet IN ('dataSource', 'lifecycleStateChange') AND {IN_DATASETS}"
)
_SCHEMAS = (
    "SELECT DatasetNamespace, DatasetName, Raw FROM read_lineage_dataset_facets(ns = {ns:String})"  # noqa: S608 a constant
    f" WHERE Part = 'facets' AND Facet = 'schema' AND {IN_DATASETS} ORDER BY FacetTime"
)
_NAMES = (
    "SELECT groupArray(DatasetName) AS names FROM"
    " (SELECT DatasetName FROM read_lineage_datasets(ns = {ns:String}) WHERE DatasetNamespace = {namespace:String}"
    " ORDER BY DatasetName)"
)


async def datasets_page(tenant: Tenant, namespace: str, limit: int, offset: int) -> tuple[list[Data], int]:
    """Return a page of a namespace's datasets, by name, and how many there are."""
    rows = await tenant.select(_NAMES, namespace=namespace)
    names = [name for text in rows[0]["names"] if tenant.aliases.name_of(name := (namespace, text)) == name]
    return await datasets(tenant, names[offset : offset + limit], LARGEST_LISTED_FACET), len(names)


async def dataset_by_name(tenant: Tenant, name: Name) -> Data | None:
    """Return a dataset by any of its names with all its facets, or None."""
    found = await datasets(tenant, [tenant.aliases.name_of(name)], LARGEST_FACET)
    return found[0] if found else None


async def dataset_exists(tenant: Tenant, name: Name) -> bool:
    """Tell whether an event named the dataset by any of its names."""
    return bool(await existing_datasets(tenant, {tenant.aliases.name_of(name)}))


async def existing_datasets(tenant: Tenant, names: Iterable[Name]) -> set[Name]:
    """Return those of the canonical names that an event named, by any of their names."""
    rows = await tenant.select_for(_ROWS, tenant.all_names(names))
    return {tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"])) for row in rows}


async def datasets(tenant: Tenant, names: list[Name], largest_facet: int) -> list[Data]:
    """Return the datasets of these canonical names that the tenant has, in this order. `largest_facet`: in bytes of JSON."""
    if not names:
        return []
    nodes = tenant.all_names(names)
    rows, facet_rows, standing, column_lineage = await asyncio.gather(
        tenant.select_for(_ROWS, nodes),
        tenant.select_for(_FACETS, nodes, largest=largest_facet),
        standings(tenant, names),
        column_lineage_of(tenant, names),
    )
    rows_of, facets_of = _by_name(tenant, rows), _by_name(tenant, facet_rows)
    return [
        _dataset(
            name,
            rows_of[name],
            facets_of.get(name, []),
            standing[name],
            column_lineage.get(name),
        )
        for name in names
        if name in rows_of
    ]


@dataclass(frozen=True, slots=True)
class Standing:
    """What versions and runs say of a dataset, and which source it has."""

    source: str
    state: str
    version: str
    modified: str | None


async def standings(tenant: Tenant, names: Sequence[Name]) -> dict[Name, Standing]:
    """Return how each of these datasets stands."""
    nodes = tenant.all_names(names)
    facet_rows, latest, ended = await asyncio.gather(
        tenant.select_for(_LITTLE_FACETS, nodes),
        tenant.select_for(_LATEST, nodes),
        tenant.select_for(_MODIFIED, nodes),
    )
    facets, versions, runs = (_by_name(tenant, rows) for rows in (facet_rows, latest, ended))
    return {name: _standing(name, facets.get(name, []), versions.get(name, []), runs.get(name, [])) for name in names}


def _standing(name: Name, facet_rows: Rows, versions: Rows, runs: Rows) -> Standing:
    facets = facets_at_once(facet_rows)
    created_at, run_id = max((row["Latest"] for row in versions), default=("", ""))
    said_at = max((row["FacetTime"] for row in facet_rows if row["Facet"] == "lifecycleStateChange"), default="")
    # As in Marquez, a version that came without a change of state has none, whatever came before it.
    state = member(facets, "lifecycleStateChange", "lifecycleStateChange") if said_at >= created_at else None
    return Standing(
        source=member(facets, "dataSource", "name") or DEFAULT_SOURCE,
        state=state or "",
        version=dataset_version(name, run_id),
        modified=instant(max((row["ModifiedAt"] for row in runs), default=None)),
    )


async def field_types(tenant: Tenant, names: Iterable[Name]) -> dict[tuple[Name, str], str]:
    """Return the fields that the datasets' schemas have now, with their types; empty where there is none."""
    types: dict[tuple[Name, str], str] = {}
    for row in await tenant.select_for(_SCHEMAS, tenant.all_names(names)):
        name = tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"]))
        fields = orjson.loads(row["Raw"]).get("fields")
        for field in fields if isinstance(fields, list) else ():
            if isinstance(field, dict) and isinstance(field.get("name"), str):
                types[(name, field["name"])] = str(field.get("type") or "")
    return types


def facets_at_once(rows: Rows) -> dict[str, str]:
    """Return the JSON of the facets by name: of each name the latest, and the dataset's own before its input's."""
    latest: dict[str, tuple[bool, str, str]] = {}
    for row in rows:
        found = (row["Part"] == "facets", row["FacetTime"], row["Raw"])
        latest[row["Facet"]] = max(latest.get(row["Facet"], found), found)
    return {facet: raw for facet, (_, _, raw) in sorted(latest.items())}


def _by_name(tenant: Tenant, rows: Rows) -> dict[Name, Rows]:
    groups: dict[Name, Rows] = {}
    for row in rows:
        groups.setdefault(tenant.aliases.name_of((row["DatasetNamespace"], row["DatasetName"])), []).append(row)
    return groups


def _dataset(
    name: Name,
    rows: Rows,
    facet_rows: Rows,
    standing: Standing,
    column_lineage: list[Data] | None,
) -> Data:
    facets = facets_at_once(facet_rows)
    known = dataset_data(Node("dataset", *name), rows, facets, [])
    return {
        "id": known["id"],
        "type": known["type"],
        "name": name[1],
        "physicalName": name[1],
        "createdAt": instant(known["createdAt"]),
        "updatedAt": instant(known["updatedAt"]),
        "namespace": name[0],
        "sourceName": standing.source,
        "fields": known["fields"],
        "tags": known["tags"],
        "lastModifiedAt": standing.modified,
        "lastLifecycleState": standing.state,
        "description": known["description"],
        "currentVersion": standing.version,
        "columnLineage": column_lineage,
        "facets": {facet: orjson.loads(raw) for facet, raw in facets.items()},
        "deleted": standing.state == "DROP",
    }
