"""A namespace of lineage for benchmarks: one job gathers many sources into one dataset, from which chains of jobs go on.

`DEPTHS` says how far from its middle a graph of how many nodes reaches: 2,001 jobs and 2,101 datasets in all, as Marquez was measured on.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lineagehub.store.landing import encode_record

SOURCES = 100
CHAINS = 500
CHAIN_JOBS = 4
FIELDS = 10
MIDDLE = "dataset:postgres://db:5432:mart.gathered"
DEPTHS = {1_102: 2, 4_102: 20}
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_PRODUCER = "https://example.com/benchmark"


def landing_rows(namespace: str, runs: int) -> Iterator[bytes]:
    """Yield the landing rows of START and COMPLETE of `runs` runs of every job."""
    received_at_ms = time.time_ns() // 1_000_000
    for offset, event in enumerate(_events(runs)):
        yield encode_record(
            namespace=namespace,
            event_id=uuid.uuid5(uuid.NAMESPACE_URL, f"{offset}").hex,
            topic="benchmark",
            partition=0,
            offset=offset,
            received_at_ms=received_at_ms,
            retention_days=30,
            value=json.dumps(event).encode(),
        )


def _events(runs: int) -> Iterator[dict[str, Any]]:
    for run in range(runs):
        begin = _BEGIN + timedelta(hours=run)
        sources = [_dataset(f"raw.source_{number}") for number in range(SOURCES)]
        yield from _run("gather", run, begin, sources, _dataset("mart.gathered"))
        for chain in range(CHAINS):
            source = _dataset("mart.gathered")
            for step in range(CHAIN_JOBS):
                target = _dataset(f"mart.chain_{chain}.step_{step}")
                yield from _run(
                    f"chain_{chain}.step_{step}", run, begin + timedelta(minutes=step + 1), [source], target
                )
                source = target


def _run(
    job: str, number: int, begin: datetime, inputs: list[dict[str, Any]], output: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    facets = {
        "documentation": _facet(description=f"Makes {output['name']} from {len(inputs)} datasets."),
        "jobType": _facet(processingType="BATCH", integration="BENCHMARK", jobType="TASK"),
        "sql": _facet(query=f"INSERT INTO {output['name']} SELECT * FROM {inputs[0]['name']}"),
    }
    event = {
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job}/{number}"))},
        "job": {"namespace": "warehouse", "name": job, "facets": facets},
        "inputs": inputs,
        "outputs": [output],
        "producer": _PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    yield {"eventType": "START", "eventTime": begin.isoformat(), **event}
    yield {"eventType": "COMPLETE", "eventTime": (begin + timedelta(seconds=30)).isoformat(), **event}


def _dataset(name: str) -> dict[str, Any]:
    fields = [{"name": f"column_{number}", "type": "varchar", "description": "A column."} for number in range(FIELDS)]
    return {"namespace": "postgres://db:5432", "name": name, "facets": {"schema": _facet(fields=fields)}}


def _facet(**members: Any) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": "https://example.com/facet.json", **members}
