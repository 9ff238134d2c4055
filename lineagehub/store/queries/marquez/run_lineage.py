"""The runs upstream of a run: those that wrote the versions which it read, and so on."""

from __future__ import annotations

from collections.abc import Iterable

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.marquez.identities import dataset_version
from lineagehub.store.queries.marquez.runs import datasets_of_runs, runs_by_id
from lineagehub.store.queries.marquez.tenant import Data, Tenant

MAXIMUM_RUNS = 2_000
"""A longer answer is cut here, the furthest runs first."""


async def upstream_runs(tenant: Tenant, run_id: str, depth: int) -> list[Data] | None:
    """Return a run and the runs up to `depth` steps upstream of it, the nearest first, or None if there is no such run."""
    levels: list[list[str]] = []
    inputs: dict[str, dict[Name, str]] = {}
    frontier = [run_id]
    for _ in range(depth + 1):
        levels.append(frontier)
        for dataset in await datasets_of_runs(tenant, frontier):
            if dataset.direction == "input":
                inputs.setdefault(dataset.run_id, {})[dataset.name] = dataset.writer
        known = {run for level in levels for run in level}
        writers = {writer for run in frontier for writer in inputs.get(run, {}).values() if writer}
        frontier = sorted(writers - known)[: MAXIMUM_RUNS - len(known)]
        if not frontier:
            break
    runs = await runs_by_id(tenant, (run for level in levels for run in level))
    if run_id not in runs:
        return None
    jobs = await _jobs(tenant, runs)
    return [
        _upstream_run(runs[run], *jobs[run], inputs.get(run, {}))
        for level in levels
        for run in sorted((run for run in level if run in runs and run in jobs), key=lambda run: (jobs[run][1], run))
    ]


async def _jobs(tenant: Tenant, run_ids: Iterable[str]) -> dict[str, Name]:
    rows = await tenant.select_for_runs(
        "SELECT RunId, JobId.1 AS JobNamespace, JobId.2 AS JobName FROM read_lineage_runs(ns = {ns:String})"
        " WHERE RunId IN {runs:Array(String)}",
        run_ids,
    )
    return {row["RunId"]: (row["JobNamespace"], row["JobName"]) for row in rows}


def _upstream_run(run: Data, namespace: str, name: str, inputs: dict[Name, str]) -> Data:
    return {
        "job": {
            "namespace": namespace,
            "name": name,
            "version": run["jobVersion"]["version"] if run["jobVersion"] else None,
        },
        "run": {"id": run["id"], "start": run["startedAt"], "end": run["endedAt"], "status": run["state"]},
        "inputs": [
            {
                "namespace": dataset[0],
                "name": dataset[1],
                "version": dataset_version(dataset, writer),
                "producedByRunId": writer or None,
            }
            for dataset, writer in sorted(inputs.items())
        ],
    }
