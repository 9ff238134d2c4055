"""Events that the tests of the lineage model are made of. Times are seconds of one minute of 2026."""

from __future__ import annotations

import uuid
from typing import Any

BASE = {"producer": "https://example.com/tests", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json"}


def fresh(prefix: str) -> str:
    """Return a namespace of its own."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def run_id(name: str) -> str:
    """Return the same run id for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def at(second: int) -> str:
    """Return the event time of a second."""
    return f"2026-11-24T10:00:{second:02d}.000Z"


def facet(**members: Any) -> dict[str, Any]:
    """Return a facet."""
    return {"_producer": "https://example.com/tests", "_schemaURL": "https://example.com/facet.json", **members}


def dataset(name: str, namespace: str = "db://h:1", **members: Any) -> dict[str, Any]:
    """Return a dataset; `facets`, `inputFacets` and `outputFacets` are its members."""
    return {"namespace": namespace, "name": name, **members}


def run_event(
    kind: str,
    second: int,
    run: str,
    job: str = "load",
    reads: list[Any] | None = None,
    writes: list[Any] | None = None,
    run_facets: dict[str, Any] | None = None,
    job_facets: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a RunEvent of the run `run_id(run)`. Datasets are names, or made by `dataset`; None leaves the member out."""
    event: dict[str, Any] = {
        "eventType": kind,
        "eventTime": at(second),
        "run": {"runId": run_id(run), "facets": run_facets or {}},
        "job": {"namespace": "jobs", "name": job, "facets": job_facets or {}},
        **BASE,
    }
    return event | _sides(reads, writes)


def job_event(
    second: int, job: str = "load", reads: list[Any] | None = None, writes: list[Any] | None = None, **facets: Any
) -> dict[str, Any]:
    """Return a JobEvent with these job facets."""
    event = {"eventTime": at(second), "job": {"namespace": "jobs", "name": job, "facets": facets}, **BASE}
    return event | _sides(reads, writes)


def dataset_event(second: int, name: str, namespace: str = "db://h:1", **facets: Any) -> dict[str, Any]:
    """Return a DatasetEvent with these facets."""
    return {"eventTime": at(second), "dataset": dataset(name, namespace, facets=facets), **BASE}


def _sides(reads: list[Any] | None, writes: list[Any] | None) -> dict[str, Any]:
    sides = {"inputs": reads, "outputs": writes}
    return {
        side: [dataset(one) if isinstance(one, str) else one for one in datasets]
        for side, datasets in sides.items()
        if datasets is not None
    }
