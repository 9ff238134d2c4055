"""What Marquez gets: each tenant's jobs under its own namespace, what it would choke on mended or refused.

Each row of marquez.md's answers is sent twice to a strict stand-in: as it came, where it fails or poisons as was measured, and as
the forwarder makes it, where it is taken and every list still answers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from lineagehub_agents.sinks.marquez.events import LATE_FACET, marquez_event
from lineagehub_agents.sinks.marquez.forwarded import RunEnd
from lineagehub_agents.sinks.marquez.repairs import Repair

from lineagehub.contract.reasons import Reason
from lineagehub.errors import Permanent
from tests.support.marquez import StrictMarquez

BASE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
RUN_ID = "01941f29-7c00-7087-8940-40e5d549bbd4"
TYPED = {"_producer": "https://example.com", "_schemaURL": "https://example.com"}
LISTS = ("/api/v1/namespaces", "/api/v1/jobs", "/api/v1/events/lineage")


def event(**changes: Any) -> dict[str, Any]:
    whole = {
        "eventTime": "2026-01-31T12:00:00Z",
        "eventType": "START",
        "producer": "https://example.com",
        "schemaURL": f"{BASE}#/$defs/RunEvent",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "analytics", "name": "nightly"},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def dataset(namespace: str = "s3://bucket", name: str = "orders", **facets: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, **({"facets": facets} if facets else {})}


def run_with(**facets: Any) -> dict[str, Any]:
    return {"runId": RUN_ID, "facets": facets}


def parent(namespace: str = "airflow", name: str = "dag", **others: Any) -> dict[str, Any]:
    return {**TYPED, "run": {"runId": RUN_ID}, "job": {"namespace": namespace, "name": name}, **others}


def sent(document: dict[str, Any], namespace: str = "analytics", end: RunEnd | None = None) -> dict[str, Any]:
    return marquez_event(json.dumps(document).encode(), namespace, end)[0]


def repairs_of(document: dict[str, Any]) -> dict[Repair, int]:
    return dict(marquez_event(json.dumps(document).encode(), "analytics")[1])


# What is sent, what Marquez answers to it as it is, whether that poisons it, and the repair that makes it fit.
MENDED: dict[str, tuple[dict[str, Any], int, bool, Repair]] = {
    "a NUL in a facet": (event(run=run_with(note={"text": "a\0b"})), 500, False, Repair.NUL),
    "a NUL in a facet's name": (event(run=run_with(**{"a\0b": {"n": 1}})), 500, False, Repair.NUL),
    "a NUL in a name": (event(outputs=[dataset(name="a\0b")]), 500, False, Repair.NUL),
    "no eventType, with run facets": (event(eventType=None, run=run_with(note={})), 500, False, Repair.EVENT_TYPE),
    "a job event whose schemaURL does not say so": (
        event(eventType=None, run=None, schemaURL=BASE),
        422,
        False,
        Repair.SCHEMA_URL,
    ),
    "a dataset event whose schemaURL does not say so": (
        event(eventType=None, run=None, job=None, schemaURL=f"{BASE}#", dataset=dataset()),
        422,
        False,
        Repair.SCHEMA_URL,
    ),
    "a null input": (event(inputs=[None, dataset()]), 500, False, Repair.NULL_DATASET),
    "a null output": (event(outputs=[None, dataset()]), 500, False, Repair.NULL_DATASET),
    "a column name of 256 characters": (
        event(outputs=[dataset(schema={**TYPED, "fields": [{"name": "x" * 256}, {"name": "id"}]})]),
        500,
        False,
        Repair.COLUMN,
    ),
    "a dataSource uri with a space": (
        event(inputs=[dataset(dataSource={**TYPED, "name": "db", "uri": "postgres://a b"})]),
        500,
        False,
        Repair.DATA_SOURCE,
    ),
    "a dataSource without a name": (
        event(inputs=[dataset(dataSource={**TYPED, "uri": "postgres://db"})]),
        500,
        False,
        Repair.DATA_SOURCE,
    ),
    "a facet without _producer": (
        event(job={"namespace": "analytics", "name": "j", "facets": {"sql": {"query": "select 1"}}}),
        422,
        False,
        Repair.FACET_PRODUCER,
    ),
    "an input namespace with an illegal character": (event(inputs=[dataset("50%")]), 400, False, Repair.NAMESPACE),
    "an output namespace with %": (event(outputs=[dataset("50%")]), 201, True, Repair.NAMESPACE),
    "an output namespace with $": (event(outputs=[dataset("a$b")]), 201, True, Repair.NAMESPACE),
    "a dataset event's namespace with $": (
        event(eventType=None, run=None, job=None, schemaURL=f"{BASE}#/$defs/DatasetEvent", dataset=dataset("a$b")),
        201,
        True,
        Repair.NAMESPACE,
    ),
    "a symlink's namespace with %": (
        event(
            outputs=[dataset(symlinks={**TYPED, "identifiers": [{"namespace": "50%", "name": "t", "type": "TABLE"}]})]
        ),
        201,
        True,
        Repair.NAMESPACE,
    ),
    "a symlink without a name": (
        event(outputs=[dataset(symlinks={**TYPED, "identifiers": [{"namespace": "n", "name": " "}]})]),
        201,
        True,
        Repair.SYMLINK,
    ),
    "a parent without a name": (event(run=run_with(parent=parent(name=""))), 201, True, Repair.PARENT),
}

# What no repair can save.
REFUSED: dict[str, tuple[dict[str, Any], int, bool]] = {
    "an empty job name": (event(job={"namespace": "analytics", "name": ""}), 400, True),
    "a blank job name": (event(job={"namespace": "analytics", "name": " "}), 400, True),
    "an empty job namespace": (event(job={"namespace": "", "name": "j"}), 400, True),
    "a job namespace of 1,025 characters": (event(job={"namespace": "x" * 1025, "name": "j"}), 400, True),
    "an empty output namespace": (event(outputs=[dataset("")]), 201, True),
    "an output namespace of 1,025 characters": (event(outputs=[dataset("x" * 1025)]), 201, True),
    "an empty input namespace": (event(inputs=[dataset("")]), 400, False),
    "an empty dataset name": (event(outputs=[dataset(name="")]), 201, True),
    "a name too long for PostgreSQL's index": (event(outputs=[dataset(name="ü" * 1400)]), 500, False),
    "an eventTime that is none": (event(eventTime="2026-02-30T12:00:00Z"), 500, False),
}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


async def post(http: aiohttp.ClientSession, marquez: StrictMarquez, document: dict[str, Any]) -> int:
    async with http.post(f"{marquez.url}/api/v1/lineage", json=document) as answer:
        return answer.status


async def lists_answer(http: aiohttp.ClientSession, marquez: StrictMarquez) -> bool:
    statuses = []
    for path in LISTS:
        async with http.get(marquez.url + path) as answer:
            statuses.append(answer.status)
    return set(statuses) == {200}


@pytest.mark.parametrize("row", MENDED)
async def test_what_marquez_would_choke_on_is_mended(
    http: aiohttp.ClientSession, marquez: StrictMarquez, row: str
) -> None:
    document, _, _, repair = MENDED[row]
    assert repairs_of(document) == {repair: 1}
    assert await post(http, marquez, sent(document)) == 201
    assert await lists_answer(http, marquez)


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_mended_is_refused_before_it_is_sent(row: str) -> None:
    with pytest.raises(Permanent, match="is not sent to Marquez") as caught:
        sent(REFUSED[row][0])
    assert caught.value.reason is Reason.MARQUEZ_UNFIT


@pytest.mark.parametrize("row", [*MENDED, *REFUSED])
async def test_the_stand_in_fails_on_it_as_was_measured(
    http: aiohttp.ClientSession, marquez: StrictMarquez, row: str
) -> None:
    document, status, poisons = (MENDED.get(row) or REFUSED[row])[:3]
    assert await post(http, marquez, document) == status
    assert await lists_answer(http, marquez) != poisons


def test_an_event_that_is_fit_is_not_touched() -> None:
    document = event(run=run_with(parent=parent("analytics")), inputs=[dataset()], outputs=[dataset("kafka://h:1;x=y")])
    assert sent(document) == document
    assert repairs_of(document) == {}


def test_a_job_moves_under_its_hub_namespace() -> None:
    moved = sent(event(job={"namespace": "airflow", "name": "nightly"}))
    assert moved["job"] == {"namespace": "analytics/airflow", "name": "nightly"}


def test_a_tenant_cannot_name_its_way_into_anothers_jobs() -> None:
    document = event(job={"namespace": "finance", "name": "nightly"})
    ours, theirs = sent(document, "analytics"), sent(document, "finance")
    assert ours["job"]["namespace"] == "analytics/finance" != theirs["job"]["namespace"]


def test_parent_and_root_move_with_their_jobs() -> None:
    root = {"run": {"runId": RUN_ID}, "job": {"namespace": "analytics", "name": "all"}}
    moved = sent(event(run=run_with(parent=parent(root=root))))["run"]["facets"]["parent"]
    assert moved["job"] == {"namespace": "analytics/airflow", "name": "dag"}
    assert moved["root"] == root


@pytest.mark.parametrize("broken", ["text", [], {}, {"job": "text"}, {"job": {"namespace": 7}}, {"root": []}])
def test_a_parent_that_is_none_is_left_out(broken: Any) -> None:
    document = event(run=run_with(parent=broken))
    assert sent(document)["run"]["facets"] == {}
    assert repairs_of(document) == {Repair.PARENT: 1}


@pytest.mark.parametrize("facet", [{}, {"nominalStartTime": "+292278994-08-17T07:12:55Z"}, {"nominalStartTime": 7}])
def test_a_nominal_time_that_is_none_is_left_out(facet: Any) -> None:
    document = event(run=run_with(nominalTime={**TYPED, **facet}))
    assert sent(document)["run"]["facets"] == {}
    assert repairs_of(document) == {Repair.NOMINAL_TIME: 1}


@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_null_facets_of_old_producers_are_left_out(place: str) -> None:
    document = event(run=run_with(parent=None), **{place: [dataset(schema=None, note={})]})
    assert repairs_of(document) == {Repair.NULL_FACET: 2}
    assert sent(document)[place] == [dataset(note={})]


@pytest.mark.parametrize("facets", ["text", 7, []])
@pytest.mark.parametrize("name", ["schema", "dataSource", "symlinks", "columnLineage"])
def test_facets_of_any_shape_do_no_harm(facets: Any, name: str) -> None:
    assert sent(event(outputs=[dataset(**{name: facets})]))


def test_a_job_namespace_that_becomes_too_long_by_moving_is_refused() -> None:
    assert sent(event(job={"namespace": "x" * (1024 - len("analytics/")), "name": "j"}))
    with pytest.raises(Permanent):
        sent(event(job={"namespace": "x" * 1020, "name": "j"}))


def test_a_text_that_only_looks_like_nul_stays() -> None:
    document = event(run=run_with(sql={"query": "select '\\u0000'"}))
    assert sent(document) == document


@pytest.mark.parametrize("fragment", ["", "#", "#/$defs/RunEvent", "#/definitions/Other"])
def test_job_and_dataset_events_get_the_fragment_by_which_marquez_tells_them(fragment: str) -> None:
    job = event(run=None, schemaURL=BASE + fragment)
    assert sent(job)["schemaURL"] == f"{BASE}#/$defs/JobEvent"
    described = event(run=None, job=None, schemaURL=BASE + fragment, dataset=dataset())
    assert sent(described)["schemaURL"] == f"{BASE}#/$defs/DatasetEvent"


def test_a_run_event_that_calls_itself_a_job_event_is_sent_as_what_it_is() -> None:
    assert sent(event(schemaURL=f"{BASE}#/$defs/JobEvent"))["schemaURL"] == f"{BASE}#/$defs/RunEvent"


@pytest.mark.parametrize("fragment", ["#/$defs/JobEvent", "#/definitions/JobEvent"])
def test_a_right_fragment_stays(fragment: str) -> None:
    document = event(run=None, eventType=None, schemaURL=BASE + fragment)
    assert sent(document) == document


def test_a_late_event_goes_in_the_state_of_its_runs_end_and_says_what_it_was() -> None:
    end = RunEnd("FAIL", "2026-01-31T12:00:09Z", 0)
    late = sent(event(run=run_with(note={"n": 1}), inputs=[dataset()]), end=end)
    assert (late["eventType"], late["eventTime"], late["inputs"]) == ("FAIL", "2026-01-31T12:00:09Z", [dataset()])
    assert late["run"]["facets"]["note"] == {"n": 1}
    assert late["run"]["facets"][LATE_FACET]["eventType"] == "START"
