"""What Marquez gets: each tenant's jobs under its own namespace, parents included, and events mended where it would choke."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lineagehub_agents.sinks._marquez_events import marquez_event

from lineagehub.errors import Permanent

BASE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
RUN_ID = "01941f29-7c00-7087-8940-40e5d549bbd4"


def sent(event: dict[str, Any], namespace: str = "analytics") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(marquez_event(json.dumps(event).encode(), namespace))
    return document


def run_event(**changes: Any) -> dict[str, Any]:
    return {
        "eventType": "START",
        "schemaURL": f"{BASE}#/$defs/RunEvent",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "airflow", "name": "nightly"},
        **changes,
    }


def test_a_job_moves_under_its_hub_namespace() -> None:
    assert sent(run_event())["job"] == {"namespace": "analytics/airflow", "name": "nightly"}


def test_a_job_that_is_called_as_the_hub_namespace_stays() -> None:
    event = run_event(job={"namespace": "analytics", "name": "nightly"})
    assert sent(event) == event


def test_a_tenant_cannot_name_its_way_into_anothers_jobs() -> None:
    ours = sent(run_event(job={"namespace": "finance", "name": "nightly"}), "analytics")
    theirs = sent(run_event(job={"namespace": "finance", "name": "nightly"}), "finance")
    assert ours["job"]["namespace"] == "analytics/finance" != theirs["job"]["namespace"]


def test_parent_and_root_move_with_their_jobs() -> None:
    parent = {
        "_producer": "https://example.com",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "airflow", "name": "dag"},
        "root": {"run": {"runId": RUN_ID}, "job": {"namespace": "analytics", "name": "all"}},
    }
    moved = sent(run_event(run={"runId": RUN_ID, "facets": {"parent": parent}}))["run"]["facets"]["parent"]
    assert moved["job"] == {"namespace": "analytics/airflow", "name": "dag"}
    assert moved["root"]["job"] == {"namespace": "analytics", "name": "all"}
    assert moved["run"] == parent["run"]


@pytest.mark.parametrize("parent", [None, "text", [], {}, {"job": "text"}, {"job": {"namespace": 7}}, {"root": []}])
def test_a_malformed_parent_stays_as_it_is(parent: Any) -> None:
    run = {"runId": RUN_ID, "facets": {"parent": parent}}
    assert sent(run_event(run=run))["run"] == run


def test_datasets_keep_their_namespaces() -> None:
    datasets = [{"namespace": "s3://bucket", "name": "orders"}]
    event = sent(run_event(inputs=datasets, outputs=datasets))
    assert event["inputs"] == event["outputs"] == datasets


@pytest.mark.parametrize("namespace", ["50%", "a$b", "with space", "x" * 1025, ""])
@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_a_namespace_that_marquez_can_store_but_not_read_is_refused(namespace: str, place: str) -> None:
    with pytest.raises(Permanent, match="could not read the namespace"):
        sent(run_event(**{place: [{"namespace": namespace, "name": "x"}]}))


def test_a_job_namespace_that_becomes_too_long_by_moving_is_refused() -> None:
    assert sent(run_event(job={"namespace": "x" * (1024 - len("analytics/")), "name": "j"}))
    with pytest.raises(Permanent):
        sent(run_event(job={"namespace": "x" * 1020, "name": "j"}))


def test_nul_becomes_the_replacement_character_wherever_it_stands() -> None:
    facets = {"error\0": {"message": "a\0b", "list": ["\0", {"c": "\0"}], "number": 7}}
    run = sent(run_event(run={"runId": RUN_ID, "facets": facets}))["run"]
    assert run["facets"] == {"error\ufffd": {"message": "a\ufffdb", "list": ["\ufffd", {"c": "\ufffd"}], "number": 7}}


def test_a_text_that_only_looks_like_nul_stays() -> None:
    facets = {"sql": {"query": "select '\\u0000'"}}
    assert sent(run_event(run={"runId": RUN_ID, "facets": facets}))["run"]["facets"] == facets


def test_a_run_event_without_a_type_gets_one() -> None:
    event = run_event()
    del event["eventType"]
    assert sent(event)["eventType"] == "OTHER"


@pytest.mark.parametrize("fragment", ["", "#", "#/$defs/RunEvent", "#/definitions/Other"])
def test_job_and_dataset_events_get_the_fragment_by_which_marquez_tells_them(fragment: str) -> None:
    job = {"schemaURL": BASE + fragment, "job": {"namespace": "analytics", "name": "nightly"}}
    assert sent(job)["schemaURL"] == f"{BASE}#/$defs/JobEvent"
    dataset = {"schemaURL": BASE + fragment, "dataset": {"namespace": "s3://bucket", "name": "orders"}}
    assert sent(dataset)["schemaURL"] == f"{BASE}#/$defs/DatasetEvent"


@pytest.mark.parametrize("fragment", ["#/$defs/JobEvent", "#/definitions/JobEvent"])
def test_a_right_fragment_stays(fragment: str) -> None:
    job = {"schemaURL": BASE + fragment, "job": {"namespace": "analytics", "name": "nightly"}}
    assert sent(job) == job
