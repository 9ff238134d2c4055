"""Marquez's v2beta search, which there needs an OpenSearch: names, SQL, source code and columns, with what matched marked `<em>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.marquez.jobs import job_type
from lineagehub.store.queries.marquez.tenant import Data, Rows, Tenant
from lineagehub.store.queries.node_ids import Node

HITS = 10
"""As many as OpenSearch returns unasked."""
FRAGMENT = 100
"""Characters of a text that are shown around what matched."""

_JOBS = """
SELECT j.JobNamespace AS JobNamespace, j.JobName AS JobName, j.LatestRun.2 AS RunId
FROM read_lineage_jobs(ns = {ns:String}) AS j
WHERE positionCaseInsensitiveUTF8(JobName, {text:String}) > 0 OR positionCaseInsensitiveUTF8(toString(JobNamespace), {text:String}) > 0
    OR (JobNamespace, JobName) IN
    (
        SELECT JobNamespace, JobName FROM read_lineage_job_facets(ns = {ns:String})
        WHERE Facet IN ('sql', 'sourceCode') AND positionCaseInsensitiveUTF8(
            if(Facet = 'sql', JSONExtractString(Raw, 'query'), JSONExtractString(Raw, 'sourceCode')), {text:String}) > 0
    )
ORDER BY positionCaseInsensitiveUTF8(JobName, {text:String}) = 0, UpdatedAt DESC, JobNamespace, JobName LIMIT {limit:UInt32}
"""
_JOB_FACETS = (
    "SELECT JobNamespace, JobName, Facet, Raw FROM read_lineage_job_facets(ns = {ns:String})"
    " WHERE (JobNamespace, JobName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
)
_RUN_FACETS = (
    "SELECT RunId, Facet, Raw FROM read_lineage_run_facets(ns = {ns:String}) WHERE RunId IN {runs:Array(String)}"
)
_RUNS = (
    "SELECT RunId, StateAt.3 AS EventType FROM read_lineage_runs(ns = {ns:String}) WHERE RunId IN {runs:Array(String)}"
)
_DATASETS = """
SELECT DatasetNamespace, DatasetName
FROM read_lineage_datasets(ns = {ns:String})
WHERE positionCaseInsensitiveUTF8(DatasetName, {text:String}) > 0
    OR positionCaseInsensitiveUTF8(toString(DatasetNamespace), {text:String}) > 0
    OR (DatasetNamespace, DatasetName) IN
    (
        SELECT DatasetNamespace, DatasetName FROM read_lineage_dataset_facets(ns = {ns:String})
        WHERE Part = 'facets' AND Facet = 'schema' AND arrayExists(
            name -> positionCaseInsensitiveUTF8(name, {text:String}) > 0,
            JSONExtract(Raw, 'fields', 'Array(Tuple(name String))').name)
    )
ORDER BY positionCaseInsensitiveUTF8(DatasetName, {text:String}) = 0, UpdatedAt DESC, DatasetNamespace, DatasetName LIMIT {limit:UInt32}
"""
_DATASET_FACETS = (
    "SELECT DatasetNamespace, DatasetName, toString(Part) AS Part, Facet, Raw"
    " FROM read_lineage_dataset_facets(ns = {ns:String})"
    " WHERE (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
)
_LATEST_EVENTS = """
SELECT DatasetNamespace, DatasetName, max((EventTime, RunId)).2 AS RunId FROM read_lineage_run_datasets(ns = {ns:String})
WHERE (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))
    AND (JobNamespace, JobName) IN
    (
        SELECT JobNamespace, JobName FROM read_lineage_dataset_jobs(ns = {ns:String})
        WHERE (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))
    )
GROUP BY DatasetNamespace, DatasetName
"""


async def search_jobs(tenant: Tenant, text: str) -> Data:
    """Return the jobs that the text matches, those by their names first, as OpenSearch's hits and highlights."""
    rows = await tenant.select(_JOBS, text=text, limit=HITS)
    run_ids = [row["RunId"] for row in rows]
    jobs = [Node("job", row["JobNamespace"], row["JobName"]) for row in rows]
    facets = _facets(await tenant.select_for(_JOB_FACETS, jobs), "Job")
    run_facets: dict[str, Data] = {}
    for row in await tenant.select_for_runs(_RUN_FACETS, run_ids):
        run_facets.setdefault(row["RunId"], {})[row["Facet"]] = orjson.loads(row["Raw"])
    event_types = await _event_types(tenant, run_ids)
    hits = []
    for row in rows:
        own = facets.get((row["JobNamespace"], row["JobName"]), {})
        hits.append(
            {
                "run_id": row["RunId"] or None,
                "eventType": event_types.get(row["RunId"]),
                "name": row["JobName"],
                "type": job_type((own.get("jobType") or {}).get("processingType")),
                "namespace": row["JobNamespace"],
                "facets": own,
                "runFacets": run_facets.get(row["RunId"], {}),
            }
        )
    return {"hits": hits, "highlights": [_highlights(hit, text) for hit in hits]}


async def search_datasets(tenant: Tenant, text: str) -> Data:
    """Return the datasets that the text matches, those by their names first, as OpenSearch's hits and highlights."""
    rows = await tenant.select(_DATASETS, text=text, limit=HITS)
    datasets = [Node("dataset", row["DatasetNamespace"], row["DatasetName"]) for row in rows]
    facet_rows = await tenant.select_for(_DATASET_FACETS, datasets)
    parts = {
        part: _facets([row for row in facet_rows if row["Part"] == part], "Dataset")
        for part in ("facets", "inputFacets", "outputFacets")
    }
    latest = {
        (row["DatasetNamespace"], row["DatasetName"]): row["RunId"]
        for row in await tenant.select_for(_LATEST_EVENTS, datasets)
    }
    event_types = await _event_types(tenant, latest.values())
    hits = []
    for row in rows:
        name = row["DatasetNamespace"], row["DatasetName"]
        run_id = latest.get(name, "")
        hits.append(
            {
                "run_id": run_id or None,
                "eventType": event_types.get(run_id),
                "name": name[1],
                "inputFacets": parts["inputFacets"].get(name),
                "outputFacets": parts["outputFacets"].get(name),
                "namespace": name[0],
                "facets": parts["facets"].get(name),
            }
        )
    return {"hits": hits, "highlights": [_highlights(hit, text) for hit in hits]}


async def _event_types(tenant: Tenant, run_ids: Iterable[str]) -> dict[str, str | None]:
    rows = await tenant.select_for_runs(_RUNS, (run_id for run_id in run_ids if run_id))
    return {row["RunId"]: row["EventType"] or None for row in rows}


def _facets(rows: Rows, kind: str) -> dict[Name, Data]:
    facets: dict[Name, Data] = {}
    for row in sorted(rows, key=lambda row: str(row["Facet"])):
        facets.setdefault((row[f"{kind}Namespace"], row[f"{kind}Name"]), {})[row["Facet"]] = orjson.loads(row["Raw"])
    return facets


def _highlights(hit: Data, text: str) -> dict[str, list[str]]:
    marked: dict[str, list[str]] = {}
    for name, value in _texts(hit):
        match = re.search(re.escape(text), value, re.IGNORECASE) if isinstance(value, str) else None
        if match:
            start, end = max(0, match.start() - FRAGMENT), match.end() + FRAGMENT
            fragment = f"{value[start : match.start()]}<em>{match.group()}</em>{value[match.end() : end]}"
            marked.setdefault(name, []).append(fragment)
    return marked


def _texts(hit: Data) -> Iterator[tuple[str, Any]]:
    facets = hit["facets"] or {}
    yield "name", hit["name"]
    yield "namespace", hit["namespace"]
    yield "facets.sql.query", (facets.get("sql") or {}).get("query")
    yield "facets.sourceCode.sourceCode", (facets.get("sourceCode") or {}).get("sourceCode")
    fields = (facets.get("schema") or {}).get("fields")
    for field in fields if isinstance(fields, list) else ():
        if isinstance(field, dict):
            yield "facets.schema.fields.name", field.get("name")
