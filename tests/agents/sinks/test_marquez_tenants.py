"""Two tenants of the hub with the same names are two in Marquez: their jobs and parents never meet, whatever they call themselves."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import uuid4

import pytest
from lineagehub_agents.delivery.records import Partition, SinkBatch
from lineagehub_agents.sinks.marquez.events import marquez_event
from lineagehub_agents.sinks.marquez.sink import MarquezSink

from lineagehub.settings import KafkaSettings, MarquezSettings, Settings
from tests.support.delivery import checked, record
from tests.support.marquez import StrictMarquez

TENANTS = ("team", "team-a", "team.a", "etl", "a_b")
NAMES = (
    "etl",
    "team",
    "team-a",
    "team/etl",
    "team-a/etl",
    "/etl",
    "team-a/",
    "a b",
    "a%b",
    "team-a%etl",
    "s3://x",
    "É",
)


def event(namespace: str, run_id: str = "") -> dict[str, Any]:
    """A run of the job `load` in a namespace of OpenLineage, which has a parent there."""
    job = {"namespace": namespace, "name": "load"}
    facet = {"_producer": "https://example.com/p", "_schemaURL": "https://example.com/s"}
    run = {"runId": str(uuid4())}
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-31T12:00:00Z",
        "producer": "https://example.com/p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": run_id or str(uuid4()),
            "facets": {"parent": {**facet, "job": job, "run": run, "root": {"job": job, "run": run}}},
        },
        "job": job,
        "inputs": [],
        "outputs": [],
    }


def job_namespaces(tenant: str, namespace: str) -> set[str]:
    """Return the namespaces of all jobs that Marquez gets of an event."""
    sent, _ = marquez_event(json.dumps(event(namespace)).encode(), tenant)
    parent = sent["run"]["facets"]["parent"]
    return {job["namespace"] for job in (sent["job"], parent["job"], parent["root"]["job"])}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(TENANTS, 2)))
def test_no_namespace_of_one_tenant_is_one_of_anothers(one: str, other: str) -> None:
    ones = set().union(*(job_namespaces(one, name) for name in NAMES))
    others = set().union(*(job_namespaces(other, name) for name in NAMES))
    assert not ones & others
    # The tenant's name ends at the first slash, and no tenant's name has one.
    assert {name.partition("/")[0] for name in ones} == {one}


async def test_the_same_job_of_two_tenants_is_two_jobs_in_marquez(kafka: KafkaSettings, marquez: StrictMarquez) -> None:
    sink = MarquezSink(Settings(kafka=kafka, marquez=MarquezSettings(url=marquez.url, admin_url=marquez.admin_url)))
    await sink.start()
    try:
        where = Partition("openlineage-events", 0)
        sent = [
            checked(record(where, offset, json.dumps(event("etl")).encode()), tenant, uuid4().hex)
            for offset, tenant in enumerate(("team-a", "team-b", "etl"))
        ]
        await sink.send(SinkBatch(uuid4().hex, tuple(sent)))
    finally:
        await sink.close()
    assert set(marquez.jobs) >= {("team-a/etl", "load"), ("team-b/etl", "load"), ("etl", "load")}
