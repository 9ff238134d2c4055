"""Record keys: the rule, every malformed parent, and that OpenLineage's own Kafka transport gives the same keys."""

from __future__ import annotations

from typing import Any

import pytest
from openlineage.client import event_v2
from openlineage.client.facet_v2 import parent_run
from openlineage.client.transport.kafka import KafkaTransport

from lineagehub.contract.keys import api_key_key, lineage_key, namespace_key

OWN = {"namespace": "analytics", "name": "nightly.orders"}
PARENT = {"namespace": "airflow", "name": "nightly"}
ROOT = {"namespace": "scheduler", "name": "all"}
RUN_ID = "01941f29-7c00-7087-8940-40e5d549bbd4"


def run_event(parent: Any = None) -> dict[str, Any]:
    facets = {} if parent is None else {"parent": parent}
    return {"run": {"runId": RUN_ID, "facets": facets}, "job": OWN}


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (run_event(), "run:analytics/nightly.orders"),
        (run_event({"run": {"runId": RUN_ID}, "job": PARENT}), "run:airflow/nightly"),
        (run_event({"job": PARENT, "root": {"run": {"runId": RUN_ID}, "job": ROOT}}), "run:scheduler/all"),
        (run_event({"root": {"job": ROOT}}), "run:scheduler/all"),
        ({"job": OWN}, "job:analytics/nightly.orders"),
        ({"dataset": {"namespace": "s3://bucket", "name": "a/b"}}, "dataset:s3://bucket/a/b"),
        ({"job": {"namespace": "äöü", "name": "名"}}, "job:äöü/名"),
    ],
)
def test_the_key_is_of_the_root_else_the_parent_else_the_own_job(event: dict[str, Any], key: str) -> None:
    assert lineage_key(event) == key.encode()


@pytest.mark.parametrize(
    "parent",
    [
        "text",
        7,
        [],
        {},
        {"job": None},
        {"job": "airflow.nightly"},
        {"job": {"namespace": "airflow"}},
        {"job": {"namespace": 7, "name": "nightly"}},
        {"job": {"namespace": "", "name": ""}},
        {"job": {"namespace": "airflow", "name": ["nightly"]}},
        {"root": "text"},
        {"root": {"job": {"name": "all"}}},
    ],
)
def test_a_malformed_parent_falls_back_to_the_own_job(parent: Any) -> None:
    assert lineage_key(run_event(parent)) == b"run:analytics/nightly.orders"


@pytest.mark.parametrize("facets", [None, "text", [], 7])
def test_malformed_facets_fall_back_to_the_own_job(facets: Any) -> None:
    assert lineage_key({"run": {"runId": RUN_ID, "facets": facets}, "job": OWN}) == b"run:analytics/nightly.orders"


def test_a_malformed_root_falls_back_to_the_parent() -> None:
    assert lineage_key(run_event({"job": PARENT, "root": {"job": {}}})) == b"run:airflow/nightly"


def root_facet() -> parent_run.Root:
    return parent_run.Root(parent_run.RootRun(RUN_ID), parent_run.RootJob(ROOT["namespace"], ROOT["name"]))


def facet(root: bool) -> parent_run.ParentRunFacet:
    return parent_run.ParentRunFacet(
        run=parent_run.Run(RUN_ID),
        job=parent_run.Job(PARENT["namespace"], PARENT["name"]),
        root=root_facet() if root else None,
    )


@pytest.mark.parametrize("parent", [None, facet(root=False), facet(root=True)], ids=["alone", "parent", "root"])
def test_openlineages_own_transport_gives_the_same_key(parent: parent_run.ParentRunFacet | None) -> None:
    event = event_v2.RunEvent(
        eventTime="2026-01-31T12:00:00Z",
        run=event_v2.Run(RUN_ID, facets={"parent": parent} if parent else {}),
        job=event_v2.Job(OWN["namespace"], OWN["name"]),
        producer="https://example.com",
    )
    theirs = object.__new__(KafkaTransport)._get_message_key(event)
    named = {"job": PARENT, **({"root": {"job": ROOT}} if parent and parent.root else {})}
    assert theirs is not None
    assert lineage_key(run_event(named if parent else None)) == theirs.encode()


def test_control_records_are_keyed_by_what_they_are() -> None:
    assert namespace_key("analytics") == b"namespace:analytics"
    assert api_key_key("Abcd1234") == b"key:Abcd1234"
