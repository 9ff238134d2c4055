"""lineage_store: what the agent and the ClickHouse server cost to store lineage events, from Kafka until they can be queried.

One event a record, as the web and every OpenLineage client write them; the model's tables are filled by the same inserts. Events of
3 kB: one input and one output of 20 columns each, four run facets; runs of a START and a COMPLETE, over 200 jobs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from lineagehub.contract.headers import SOUND, ContentKind
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from tests.bench.agent_rounds import Agent, Case, measure_agent
from tests.bench.results import Measurement
from tests.bench.signed_records import Value, write_signed
from tests.bench.stack import Stack

JOBS = 200
COLUMNS = 20
AGENT = Agent("lineage-store", "lineage_events", warm_up_items=2_000)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
FACET = {
    "_producer": "https://example.com/bench",
    "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/SchemaDatasetFacet.json",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often."""

    broker: str = "kafka"
    rounds: int = 5
    events: int = 20_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds."""
    cases = [Case("events of 3 kB", _write)]
    return measure_agent(AGENT, cases, parameters.events, parameters.rounds, parameters.broker, directory)


def run_event(job: str) -> bytes:
    """Return a COMPLETE of a run of this job, now."""
    return orjson.dumps(_event("COMPLETE", datetime.now(UTC), str(uuid.uuid4()), job))


async def _write(stack: Stack, events: int) -> int:
    runs = -(-events // 2)
    await write_signed(stack, OPENLINEAGE_EVENTS, ContentKind.OPENLINEAGE.value + SOUND, _values(runs))
    return runs * 2


def _values(runs: int) -> Iterator[Value]:
    for number in range(runs):
        run_id, job = str(uuid.uuid4()), f"job-{number % JOBS}"
        for seconds, kind in enumerate(("START", "COMPLETE")):
            moment = BEGINNING + timedelta(seconds=2 * number + seconds)
            yield uuid.uuid4().hex, orjson.dumps(_event(kind, moment, run_id, job)), f"run:bench/{job}".encode()


def _event(kind: str, moment: datetime, run_id: str, job: str) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": moment.isoformat(),
        "producer": "https://example.com/bench",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": run_id,
            "facets": {
                "nominalTime": {**FACET, "nominalStartTime": moment.isoformat()},
                "processing_engine": {
                    **FACET,
                    "version": "3.5.0",
                    "name": "spark",
                    "openlineageAdapterVersion": "1.53.0",
                },
                "bench_environment": {**FACET, "variables": {f"VARIABLE_{number}": "value" for number in range(4)}},
            },
        },
        "job": {
            "namespace": "bench",
            "name": job,
            "facets": {"documentation": {**FACET, "description": f"Loads what {job} loads."}},
        },
        "inputs": [_dataset("s3://bench-raw", f"{job}/in")],
        "outputs": [_dataset("postgres://bench:5432", f"shop.public.{job}")],
    }


def _dataset(namespace: str, name: str) -> dict[str, Any]:
    fields = [{"name": f"column_{number}", "type": "varchar"} for number in range(COLUMNS)]
    return {"namespace": namespace, "name": name, "facets": {"schema": {**FACET, "fields": fields}}}
