"""Facets as they are now: the latest JSON of each, deleted ones left out. Called by the reads of runs, jobs and datasets."""

from __future__ import annotations

from typing import Any

import orjson

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Name

Facets = dict[str, Any]


async def run_facets(clickhouse: ClickHouse, namespace: str, run_id: str) -> Facets:
    """Return the facets of a run, by name."""
    rows = await clickhouse.select(
        "SELECT Facet, Raw FROM read_lineage_run_facets(ns = {ns:String}) WHERE RunId = {run:String} ORDER BY Facet",
        {"ns": namespace, "run": run_id},
    )
    return _by_name(rows)


async def job_facets(clickhouse: ClickHouse, namespace: str, job: Name) -> Facets:
    """Return the facets of a job, by name."""
    rows = await clickhouse.select(
        "SELECT Facet, Raw FROM read_lineage_job_facets(ns = {ns:String})"
        " WHERE JobNamespace = {namespace:String} AND JobName = {name:String} ORDER BY Facet",
        {"ns": namespace, "namespace": job[0], "name": job[1]},
    )
    return _by_name(rows)


async def dataset_facets(clickhouse: ClickHouse, namespace: str, names: list[Name]) -> dict[str, Facets]:
    """Return a dataset's facets, those of it as an input and those of it as an output: of each, the latest of all its names."""
    rows = await clickhouse.select(
        "SELECT Part, Facet, argMax(Raw, (FacetTime, Raw)) AS Raw FROM read_lineage_dataset_facets(ns = {ns:String})"
        " WHERE (DatasetNamespace, DatasetName) IN"
        " (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
        " GROUP BY Part, Facet ORDER BY Part, Facet",
        {"ns": namespace, "namespaces": [name[0] for name in names], "names": [name[1] for name in names]},
    )
    parts = ("facets", "inputFacets", "outputFacets")
    return {part: _by_name([row for row in rows if row["Part"] == part]) for part in parts}


def _by_name(rows: list[dict[str, Any]]) -> Facets:
    return {row["Facet"]: orjson.loads(row["Raw"]) for row in rows}
