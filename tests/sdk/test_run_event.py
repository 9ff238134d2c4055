"""The events of runs, which are made JSON after their call: they say what was so during it, whatever has changed since."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import current_client


def orders() -> dict[str, Any]:
    return {"namespace": "s3://raw", "name": "orders", "facets": {"owner": {"teams": ["a"]}}}


def emitted(memory: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was emitted, in order, once all of it is made JSON."""
    assert sdk.flush(10)
    return memory


def test_what_is_declared_is_read_once(memory: list[dict[str, Any]]) -> None:
    declared = orders()

    @sdk.lineage_track("job", inputs=[declared], outputs=["s3://clean/orders"])
    def work() -> None:
        declared["facets"]["owner"]["teams"].append("b")

    work()
    work()
    assert [event["inputs"] for event in emitted(memory)] == [[orders()]] * 4


def test_what_a_run_adds_is_in_the_events_that_follow_as_it_was_then(memory: list[dict[str, Any]]) -> None:
    added, schema = orders(), {"id": "int"}
    with sdk.run("job", outputs=["s3://clean/first"]) as r:
        r.input(added)
        r.output("s3://clean/second", 5, schema=schema)
        r.facet("custom", added)
        r.job_facet("owner", added)
        added["facets"]["owner"]["teams"].append("b")
        schema["amount"] = "decimal"
    start, complete = emitted(memory)
    assert (start["inputs"], start["run"]["facets"], start["job"]["facets"]) == ([], {}, {})
    assert [dataset["name"] for dataset in start["outputs"]] == ["first"]
    assert complete["inputs"] == [orders()]
    assert (
        complete["run"]["facets"]["custom"]["facets"]
        == complete["job"]["facets"]["owner"]["facets"]
        == orders()["facets"]
    )
    assert [dataset["name"] for dataset in complete["outputs"]] == ["first", "second"]
    assert complete["outputs"][1]["facets"]["schema"]["fields"] == [{"name": "id", "type": "int"}]


def test_an_error_is_in_the_last_event_only(memory: list[dict[str, Any]]) -> None:
    @sdk.lineage_track("job")
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError), sdk.run("outer"):
        work()
    facets = {(event["job"]["name"], event["eventType"]): set(event["run"]["facets"]) for event in emitted(memory)}
    assert facets == {
        ("outer", "START"): set(),
        ("job", "START"): {"parent"},
        ("job", "FAIL"): {"parent", "errorMessage"},
        ("outer", "FAIL"): {"errorMessage"},
    }


def test_a_function_that_is_configured_anew_is_a_job_of_the_new_namespace(memory: list[dict[str, Any]]) -> None:
    @sdk.lineage_track("job")
    def work() -> None:
        pass

    for namespace in ("first", "second", "first"):
        sdk.configure(job_namespace=namespace)
        work()
    namespaces = Counter(event["job"]["namespace"] for event in emitted(memory))
    assert namespaces == {"first": 4, "second": 2}


def test_a_declared_value_that_json_does_not_know_is_coerced_and_counted_in_each_event(
    memory: list[dict[str, Any]],
) -> None:
    @sdk.lineage_track(
        "job", inputs=[{"namespace": "n", "name": "d", "facets": {"x": {"value": float("nan"), "tags": {1}}}}]
    )
    def work() -> None:
        pass

    work()
    work()
    assert [event["inputs"][0]["facets"]["x"] for event in emitted(memory)] == [{"value": None, "tags": [1]}] * 4
    assert current_client().coerced == 4


def test_a_value_that_is_no_plain_data_is_written_as_text_and_said(
    memory: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with sdk.run("job") as r:
        r.output({"namespace": "n", "name": "d", "facets": {"x": {"value": Decimal("1.50")}}})
    assert [event["outputs"][0]["facets"]["x"]["value"] for event in emitted(memory)[1:]] == ["1.50"]
    assert caplog.text.count("values that JSON does not know") == 1


def test_names_that_json_escapes_arrive_as_they_are(memory: list[dict[str, Any]]) -> None:
    name = 'a "quoted" \\ job\nof ünïcode \U0001f600'
    with sdk.run(name, run_id='an id that is "none"'):
        pass
    start, complete = emitted(memory)
    assert start["job"]["name"] == complete["job"]["name"] == name
    assert start["run"]["runId"] == 'an id that is "none"'
    assert json.dumps(list(start)) == json.dumps(
        ["eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"]
    )
