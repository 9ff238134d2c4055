"""A run goes on in other processes and threads: by headers, by the environment, by a helper. What is malformed costs one log line."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._lineage import propagation
from lineagehub_sdk._telemetry import otel
from opentelemetry.sdk.trace import TracerProvider

from tests.support.hub import clean_environment

Events = list[dict[str, Any]]

PARENT, ROOT = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDS = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def _run_facets(events: Events, job: str) -> dict[str, Any]:
    assert sdk.flush(10)
    facets: dict[str, Any] = next(event for event in events if event["job"]["name"] == job)["run"]["facets"]
    return facets


def test_what_is_injected_is_extracted_with_parent_and_root(memory: Events) -> None:
    with sdk.run("the root", namespace="a/b;c"), sdk.run("päärent", namespace="ns") as parent:
        headers = sdk.inject({"other": "kept"})
    assert headers.keys() == {"other", "lineagehub-run"}
    assert headers["lineagehub-run"].isascii()
    with sdk.extract(headers), sdk.run("child"):
        pass
    facet = _run_facets(memory, "child")["parent"]
    assert facet["run"]["runId"] == parent.run_id
    assert facet["job"] == {"namespace": "ns", "name": "päärent"}
    assert facet["root"]["job"] == {"namespace": "a/b;c", "name": "the root"}
    assert sdk.current_run() is None


def test_a_remote_run_is_passed_on(memory: Events) -> None:
    headers = {"lineagehub-run": f"1;{PARENT};ns;job;{ROOT};ns;root", "traceparent": TRACE}
    with sdk.extract(headers):
        assert sdk.inject() == headers
        assert sdk.current_run() is None


def test_header_names_are_found_in_any_case_and_values_may_be_bytes(memory: Events) -> None:
    with sdk.extract({"LineageHub-Run": f"1;{PARENT};ns;job;{ROOT};ns;root".encode()}), sdk.run("child"):
        pass
    assert _run_facets(memory, "child")["parent"]["root"]["run"]["runId"] == ROOT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"2;{PARENT};ns;job;{ROOT};ns;root",
        f"1;{PARENT};ns;job",
        f"1;no-uuid;ns;job;{ROOT};ns;root",
        f"1;{PARENT};;job;{ROOT};ns;root",
        f"1;{PARENT};ns;{'x' * 5000};{ROOT};ns;root",
        7,
        None,
    ],
)
def test_a_malformed_header_is_ignored_with_one_log_line(
    header: Any, memory: Events, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with sdk.extract({"lineagehub-run": header, "traceparent": "00-xyz"}), sdk.run("child"):
            pass
    assert "parent" not in _run_facets(memory, "child")
    assert len([record for record in caplog.records if "lineagehub-run" in record.message]) == (
        1 if header != "" else 0
    )


@pytest.mark.parametrize("headers", [None, 7, [("lineagehub-run", "x")]])
def test_headers_that_are_none_raise_nothing(headers: Any, memory: Events) -> None:
    with sdk.extract(headers), sdk.run("child"):
        sdk.inject(headers)
    assert "parent" not in _run_facets(memory, "child")


def test_a_trace_goes_on_with_and_without_a_tracer_here(memory: Events) -> None:
    headers = {"lineagehub-run": f"1;{PARENT};ns;job;{ROOT};ns;root", "traceparent": TRACE}
    with sdk.extract(headers), sdk.run("without"):
        pass
    facet = _run_facets(memory, "without")["lineagehub_trace"]
    assert (facet["traceId"], facet["spanId"]) == IDS
    otel.use_tracer(TracerProvider().get_tracer("test"))
    with sdk.extract(headers), sdk.run("with"):
        passed_on = sdk.inject()
    facet = _run_facets(memory, "with")["lineagehub_trace"]
    assert facet["traceId"] == IDS[0]
    assert facet["spanId"] != IDS[1]
    assert passed_on["traceparent"] == f"00-{facet['traceId']}-{facet['spanId']}-01"


CHILD = """
import lineagehub_sdk as sdk
with sdk.run("child") as run, sdk.run("grandchild"):
    pass
"""


def _events_of_child(environment: dict[str, str]) -> Events:
    result = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={**environment, "LINEAGEHUB_TRANSPORT": "console"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]


def test_a_child_process_is_part_of_the_run_that_started_it(memory: Events) -> None:
    otel.use_tracer(TracerProvider().get_tracer("test"))
    with sdk.run("root") as root, sdk.run("parent") as parent:
        environment = sdk.child_environment(clean_environment())
    assert environment["OPENLINEAGE_PARENT_ID"] == f"default/parent/{parent.run_id}"
    assert environment["OPENLINEAGE_ROOT_PARENT_ID"] == f"default/root/{root.run_id}"
    events = _events_of_child(environment)
    child = _run_facets(events, "child")
    assert child["parent"]["run"]["runId"] == parent.run_id
    assert child["parent"]["root"]["run"]["runId"] == root.run_id
    assert child["lineagehub_trace"]["traceId"] == _run_facets(memory, "parent")["lineagehub_trace"]["traceId"]
    grandchild = _run_facets(events, "grandchild")
    assert grandchild["parent"]["job"]["name"] == "child"
    assert grandchild["parent"]["root"]["run"]["runId"] == root.run_id


def test_openlineages_own_variables_name_the_parent_too() -> None:
    environment = clean_environment() | {
        "OPENLINEAGE_PARENT_ID": f"airflow/dag.task/{PARENT}",
        "OPENLINEAGE_ROOT_PARENT_ID": f"airflow/dag/{ROOT}",
    }
    parent = _run_facets(_events_of_child(environment), "child")["parent"]
    assert (parent["run"]["runId"], parent["job"]) == (PARENT, {"namespace": "airflow", "name": "dag.task"})
    assert (parent["root"]["run"]["runId"], parent["root"]["job"]["name"]) == (ROOT, "dag")


def test_the_variables_may_be_extracted_too(memory: Events) -> None:
    named = {"OPENLINEAGE_PARENT_ID": f"airflow/dag.task/{PARENT}", "OPENLINEAGE_ROOT_PARENT_ID": f"airflow/dag/{ROOT}"}
    with sdk.extract(named), sdk.run("of_a_task"):
        pass
    with sdk.extract({"OPENLINEAGE_PARENT_ID": f"dagster/daily/{PARENT}"}), sdk.run("alone"):
        pass
    with sdk.run("parent") as parent:
        environment = sdk.child_environment({})
    with sdk.extract(environment), sdk.run("child"):
        pass
    of_a_task, alone, child = (_run_facets(memory, job)["parent"] for job in ("of_a_task", "alone", "child"))
    assert (of_a_task["run"]["runId"], of_a_task["job"]) == (PARENT, {"namespace": "airflow", "name": "dag.task"})
    assert (of_a_task["root"]["run"]["runId"], of_a_task["root"]["job"]["name"]) == (ROOT, "dag")
    assert alone["run"]["runId"] == alone["root"]["run"]["runId"] == PARENT
    assert child["run"]["runId"] == parent.run_id


@pytest.mark.parametrize("text", ["", "a/b", f"a/{PARENT}", f"/b/{PARENT}", 7, None])
def test_a_malformed_parent_is_ignored(text: Any, memory: Events) -> None:
    with sdk.extract({"OPENLINEAGE_PARENT_ID": text, "OPENLINEAGE_ROOT_PARENT_ID": text}), sdk.run("job"):
        pass
    assert "parent" not in _run_facets(memory, "job")


def test_a_name_with_a_slash_is_not_told_to_those_who_split_at_slashes(memory: Events) -> None:
    with sdk.run("a/b"):
        environment = sdk.child_environment({"OPENLINEAGE_PARENT_ID": "another's"})
    assert "OPENLINEAGE_PARENT_ID" not in environment
    assert "LINEAGEHUB_RUN" in environment


@pytest.mark.parametrize("variable", ["LINEAGEHUB_RUN", "OPENLINEAGE_PARENT_ID"])
def test_a_malformed_variable_is_ignored_with_one_log_line(
    variable: str, memory: Events, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(variable, "nonsense")
    propagation.from_environment.cache_clear()
    for _ in range(3):
        with sdk.run("job"):
            pass
    assert "parent" not in _run_facets(memory, "job")
    assert len([record for record in caplog.records if variable in record.message]) == 1


def test_outside_of_runs_a_childs_environment_is_this_ones() -> None:
    assert sdk.child_environment({"PATH": "/bin"}) == {"PATH": "/bin"}


def test_calls_at_the_same_time_have_a_context_each(memory: Events) -> None:
    both_are_inside = threading.Barrier(2, timeout=30)

    def work() -> bool:
        both_are_inside.wait()
        run = sdk.current_run()
        return run is not None and run.job_name == "whole"

    with sdk.run("whole"), ThreadPoolExecutor(2) as pool:
        shared = sdk.in_context(work)
        assert [call.result() for call in [pool.submit(shared), pool.submit(shared)]] == [True, True]


def test_a_trace_of_the_environment_goes_on(memory: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_RUN", f"1;{PARENT};ns;job;{ROOT};ns;root")
    monkeypatch.setenv("TRACEPARENT", TRACE)
    propagation.from_environment.cache_clear()
    otel.use_tracer(TracerProvider().get_tracer("test"))
    with sdk.run("outer"), sdk.run("inner"):
        pass
    outer, inner = (_run_facets(memory, job)["lineagehub_trace"] for job in ("outer", "inner"))
    assert outer["traceId"] == inner["traceId"] == IDS[0]
    assert len({outer["spanId"], inner["spanId"], IDS[1]}) == 3


def test_threads_are_part_of_the_run_by_in_context_and_not_without(memory: Events) -> None:
    @sdk.lineage_track("job")
    def work(number: int) -> int:
        return number + 1

    with sdk.run("whole") as whole, ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(sdk.in_context(work), range(20))) == 210
        assert pool.submit(work, 1).result() == 2
    assert sdk.flush(10)
    parents = [
        event["run"]["facets"].get("parent", {}).get("run", {}).get("runId")
        for event in memory
        if event["job"]["name"] == "job" and event["eventType"] == "START"
    ]
    assert sorted(parents, key=str) == sorted([whole.run_id] * 20 + [None], key=str)
