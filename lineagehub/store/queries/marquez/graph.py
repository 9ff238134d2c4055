"""The lineage graph as Marquez's `/lineage` answers it: the hub's graph (queries/graph.py), its nodes in Marquez's words.

Marquez counts the jobs on the way, the hub the edges. A job always comes with all its datasets, as Marquez's page needs it.
"""

from __future__ import annotations

import asyncio

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.graph import lineage_graph
from lineagehub.store.queries.marquez.datasets import Standing, standings
from lineagehub.store.queries.marquez.identities import job_uuid
from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.jobs import job_type, simple_name
from lineagehub.store.queries.marquez.runs import latest_runs
from lineagehub.store.queries.marquez.tenant import Data, Tenant
from lineagehub.store.queries.node_ids import Node, NodeId


async def marquez_graph(tenant: Tenant, node: NodeId, depth: int) -> Data | None:
    """Return the graph up to `depth` jobs away from a node, or None if there is no such node."""
    edges = 2 * depth + (1 if node.kind == "job" else 2)
    found = await lineage_graph(tenant.clickhouse, tenant.namespace, node, edges)
    if found is None:
        return None
    jobs = [shown["data"] for shown in found["graph"] if shown["type"] == "JOB"]
    datasets = [shown["data"] for shown in found["graph"] if shown["type"] == "DATASET"]
    names = [(dataset["namespace"], dataset["name"]) for dataset in datasets]
    runs, standing = await asyncio.gather(
        latest_runs(tenant, [Node("job", job["namespace"], job["name"]) for job in jobs], 1),
        standings(tenant, names),
    )
    for shown in found["graph"]:
        data = shown["data"]
        name = data["namespace"], data["name"]
        shown["data"] = _job(data, runs) if shown["type"] == "JOB" else _dataset(data, standing[name])
    return {"graph": found["graph"]}


def _job(job: Data, runs: dict[Name, list[Data]]) -> Data:
    name = job["namespace"], job["name"]
    parent = (job["parentJob"]["namespace"], job["parentJob"]["name"]) if job["parentJob"] else None
    run = next(iter(runs.get(name, ())), None)
    return {
        "id": job["id"],
        "type": job_type(job["type"]),
        "name": job["name"],
        "simpleName": simple_name(name, parent),
        "parentJobName": job["parentJobName"],
        "parentJobUuid": job_uuid(parent) if parent else None,
        "currentRunUuid": run["id"] if run else None,
        "createdAt": instant(job["createdAt"]),
        "updatedAt": instant(job["updatedAt"]),
        "namespace": job["namespace"],
        "inputs": job["inputs"],
        "outputs": job["outputs"],
        "location": job["location"],
        "description": job["description"],
        "latestRun": run,
    }


def _dataset(dataset: Data, standing: Standing) -> Data:
    return {
        "id": dataset["id"],
        "type": dataset["type"],
        "name": dataset["name"],
        "physicalName": dataset["physicalName"],
        "createdAt": instant(dataset["createdAt"]),
        "updatedAt": instant(dataset["updatedAt"]),
        "namespace": dataset["namespace"],
        "sourceName": standing.source,
        "fields": dataset["fields"],
        "tags": dataset["tags"],
        "lastModifiedAt": standing.modified,
        "description": dataset["description"],
        "lastLifecycleState": standing.state,
    }
