"""`emit` takes events of openlineage-python as they are, of all three kinds and of both generations of its classes."""

from __future__ import annotations

import uuid
from typing import Any

import lineagehub_sdk as sdk
import pytest
from openlineage.client import event_v2, run
from openlineage.client.facet_v2 import documentation_job, parent_run, schema_dataset

RUN_ID = str(uuid.uuid4())
TIME = "2026-11-24T10:00:00+00:00"
PRODUCER = "https://example.com/producer"

EVENTS: dict[str, Any] = {
    "RunEvent": event_v2.RunEvent(
        eventTime=TIME,
        eventType=event_v2.RunState.COMPLETE,
        run=event_v2.Run(
            RUN_ID,
            {"parent": parent_run.ParentRunFacet(run=parent_run.Run(RUN_ID), job=parent_run.Job("ns", "parent"))},
        ),
        job=event_v2.Job("ns", "job", {"documentation": documentation_job.DocumentationJobFacet("Described.")}),
        producer=PRODUCER,
        inputs=[
            event_v2.InputDataset(
                "s3://raw",
                "orders",
                facets={"schema": schema_dataset.SchemaDatasetFacet([schema_dataset.SchemaDatasetFacetFields("a")])},
            )
        ],
    ),
    "JobEvent": event_v2.JobEvent(eventTime=TIME, job=event_v2.Job("ns", "job"), producer=PRODUCER),
    "DatasetEvent": event_v2.DatasetEvent(
        eventTime=TIME, dataset=event_v2.StaticDataset("s3://raw", "orders"), producer=PRODUCER
    ),
    "RunEvent of old": run.RunEvent(
        eventType=run.RunState.START, eventTime=TIME, run=run.Run(RUN_ID), job=run.Job("ns", "job"), producer=PRODUCER
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_sent_as_its_own_serializer_writes_it(name: str, memory: list[dict[str, Any]]) -> None:
    sdk.emit(EVENTS[name])
    assert sdk.flush(10)
    (event,) = memory
    assert event["eventTime"] == TIME
    if name == "DatasetEvent":
        assert (event["dataset"]["namespace"], event["dataset"]["name"]) == ("s3://raw", "orders")
    else:
        assert (event["job"]["namespace"], event["job"]["name"]) == ("ns", "job")
    if name == "RunEvent":
        assert event["eventType"] == "COMPLETE"
        assert event["run"]["facets"]["parent"]["job"]["name"] == "parent"
        assert event["inputs"][0]["facets"]["schema"]["fields"] == [{"name": "a", "fields": []}]


@pytest.mark.parametrize("event", [7, "text", None, object()])
def test_what_is_no_event_raises_nothing(event: Any, memory: list[dict[str, Any]]) -> None:
    sdk.emit(event)
    assert sdk.flush(10)
    assert memory == []
