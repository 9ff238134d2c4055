"""POST /api/v1/lineage: a valid event becomes one signed record with the very bytes, an invalid one a problem that
names each fault."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.web.problems import ProblemDocument
from tests.hub.web.running import Records, RunningWeb, verified
from tests.hub.web.samples import run_event

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = {"Content_Type": "application/json"}


async def send(web: RunningWeb, body: bytes | dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with web.client.post("/api/v1/lineage", data=data, headers=web.headers(**(JSON | headers))) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_run_event_becomes_one_signed_record_of_the_very_bytes(web: RunningWeb, records: Records) -> None:
    parent = {"run": {"runId": str(uuid.uuid4())}, "job": {"namespace": "prod", "name": "dag"}}
    event = run_event()
    event["run"]["facets"] = {"parent": {**parent, "root": {"job": {"namespace": "prod", "name": "root"}}}}
    body = json.dumps(event, indent=3).encode()
    status, receipt = await send(web, body)
    assert status == 201
    record = await records.one(receipt["event_id"])
    envelope = verified(record, web)
    assert record.topic == OPENLINEAGE_EVENTS.name
    assert record.value == body
    assert record.key == b"run:prod/root"
    assert envelope.namespace == web.namespace
    # The parent facet lacks `_producer`: for agents to look at.
    assert envelope.content_kind == "openlineage+json"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, b"run:prod/etl.orders"),
        ({"run": None}, b"job:prod/etl.orders"),
        ({"run": None, "job": None, "dataset": {"namespace": "s3://lake", "name": "raw"}}, b"dataset:s3://lake/raw"),
    ],
)
async def test_the_kind_is_told_by_shape(
    web: RunningWeb, records: Records, changes: dict[str, Any], key: bytes
) -> None:
    event = {name: value for name, value in run_event(**changes).items() if value is not None}
    status, receipt = await send(web, event)
    assert status == 201, receipt
    record = await records.one(receipt["event_id"])
    assert record.key == key
    assert verified(record, web).content_kind == "openlineage+json;sound"


async def test_the_same_event_has_the_same_id_whatever_its_spelling(web: RunningWeb, records: Records) -> None:
    event = run_event()
    _, first = await send(web, event)
    _, second = await send(web, json.dumps(dict(reversed(event.items())), indent=1).encode())
    assert first == second
    assert len(await records.of(first["event_id"], count=2)) == 2


@pytest.mark.parametrize("spell", [str, lambda given: given.hex, lambda given: str(given).upper()])
async def test_a_client_may_name_its_event(web: RunningWeb, records: Records, spell: Any) -> None:
    given = uuid.uuid4()
    status, receipt = await send(web, run_event(), lineagehub_event_id=spell(given))
    assert (status, receipt) == (201, {"event_id": given.hex})
    assert await records.one(given.hex)


@pytest.mark.parametrize("given", ["", "7", "x" * 32, "é", "0" * 33])
async def test_a_malformed_event_id_is_refused(web: RunningWeb, given: str) -> None:
    status, problem = await send(web, run_event(), lineagehub_event_id=given)
    assert (status, problem["reason"]) == (400, "invalid_event_id")


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"run": {"runId": "run-7"}}, ["/run/runId"]),
        ({"run": {"runId": "00000000-0000-0000-0000-000000000000"}}, ["/run/runId"]),
        ({"run": {}, "job": {"namespace": "prod"}, "producer": 5}, ["/job/name", "/producer", "/run/runId"]),
        ({"eventType": "DONE"}, ["/eventType"]),
        ({"eventTime": "2025-01-01T00:00:00"}, ["/eventTime"]),
        ({"eventTime": "2025-02-30T00:00:00Z"}, ["/eventTime"]),
        ({"eventTime": "2025-01-01T00:00:00Z\n"}, ["/eventTime"]),
        ({"eventTime": 1735689600}, ["/eventTime"]),
        ({"schemaURL": "OpenLineage.json"}, ["/schemaURL"]),
        ({"job": {"namespace": "prod", "name": "a\x00b"}}, ["/job/name"]),
        ({"job": {"namespace": "prod", "name": "a\u202eb"}}, ["/job/name"]),
        ({"job": {"namespace": "prod", "name": "a\n"}}, ["/job/name"]),
        ({"job": {"namespace": "", "name": "n" * 8_193}}, ["/job/name", "/job/namespace"]),
        ({"inputs": [{"namespace": "n", "name": "ok"}, {"namespace": "n"}, 7]}, ["/inputs/1/name", "/inputs/2"]),
        (
            {"inputs": [{"namespace": "n", "name": ""}], "outputs": [{"name": "x"}]},
            ["/inputs/0/name", "/outputs/0/namespace"],
        ),
        ({"inputs": [{"namespace": "n", "name": str(i)} for i in range(5_001)]}, ["/inputs"]),
        ({"inputs": None}, ["/inputs"]),
        ({"job": {"namespace": "n", "name": "j", "facets": {"": {}}}}, ["/job/facets/"]),
        ({"job": {"namespace": "n", "name": "j", "facets": []}}, ["/job/facets"]),
    ],
)
async def test_each_fault_is_named_by_a_pointer(web: RunningWeb, changes: dict[str, Any], pointers: list[str]) -> None:
    status, problem = await send(web, run_event(**changes))
    assert (status, problem["reason"]) == (422, "schema_invalid")
    assert sorted(error["pointer"] for error in problem["errors"]) == pointers
    assert ProblemDocument.model_validate(problem).detail


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"]
)
async def test_a_time_out_of_range_is_refused(web: RunningWeb, when: str) -> None:
    status, problem = await send(web, run_event(eventTime=when))
    assert (status, problem["reason"]) == (422, "timestamp_out_of_range")


async def test_a_clock_may_be_a_few_minutes_ahead_but_not_hours(web: RunningWeb) -> None:
    now = datetime.now(UTC)
    assert (await send(web, run_event(eventTime=(now + timedelta(minutes=5)).isoformat())))[0] == 201
    assert (await send(web, run_event(eventTime=(now + timedelta(hours=2)).isoformat())))[0] == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"eventTime": "2025-01-01t00:00:00.123456789z"},
        {"eventTime": "2025-01-01T00:00:00-00:00"},
        {"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json"},
        {"job": {"namespace": "生产", "name": "☃ a:b#c/d"}},
        {"inputs": [], "outputs": [], "extra": {"kept": True}},
        {
            "inputs": [{"namespace": "", "name": "tmp/orders.csv"}],
            "outputs": [{"namespace": "", "name": "tmp/clean.csv"}],
        },
    ],
)
async def test_what_producers_really_send_is_taken(web: RunningWeb, changes: dict[str, Any]) -> None:
    status, answer = await send(web, run_event(**changes))
    assert status == 201, answer


FACET = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}


@pytest.mark.parametrize(
    ("facets", "pointer", "detail"),
    [
        ({"sql": {**FACET, "query": 7}}, "/job/facets/sql", "/query "),
        ({"sql": {**FACET}}, "/job/facets/sql", "/query is missing."),
        ({"sql": {"query": "SELECT 1"}}, "/job/facets/sql", "/_producer is missing. And 1 more faults."),
        (
            {"sql": {**FACET, "query": "SELECT 1", "_producer": "me"}},
            "/job/facets/sql",
            "/_producer must be an absolute URI",
        ),
        (
            {"tags": {**FACET, "tags": [{"key": "a", "value": "b"}, {"key": "c"}]}},
            "/job/facets/tags",
            "/tags/1/value is missing.",
        ),
        ({"lineage": {**FACET, "entries": [{"type": "TABLE"}]}}, "/job/facets/lineage", "/entries/0"),
        (
            {"lineage": {**FACET, "entries": [{"type": "JOB", "name": "j"}]}},
            "/job/facets/lineage",
            "/entries/0 has one of",
        ),
        ({"custom": {"no": "_producer"}}, "/job/facets/custom", "/_producer is missing."),
        ({"a/b~": 1}, "/job/facets/a~1b~0", "must be an object."),
        ({"sql": None}, "/job/facets/sql", "must be an object."),
    ],
)
async def test_a_bad_facet_is_named_and_its_event_is_written_untouched(
    web: RunningWeb, records: Records, facets: dict[str, Any], pointer: str, detail: str
) -> None:
    good = {"documentation": {**FACET, "description": "Loads."}, "gone": {**FACET, "_deleted": True}}
    body = json.dumps(run_event(job={"namespace": "n", "name": "j", "facets": {**good, **facets}}), indent=1).encode()
    status, receipt = await send(web, body)
    assert status == 201
    (quarantined,) = receipt["quarantined_facets"]
    assert quarantined["pointer"] == pointer
    assert quarantined["detail"].startswith(detail)
    assert (await records.one(receipt["event_id"])).value == body


async def test_an_answer_names_fifty_quarantined_facets_at_most(web: RunningWeb) -> None:
    inputs = [{"namespace": "n", "name": str(number), "facets": {"dataSource": None}} for number in range(2_000)]
    status, receipt = await send(web, run_event(inputs=inputs))
    assert (status, len(receipt["quarantined_facets"])) == (201, 50)


async def test_a_gzipped_event_is_written_decoded(web: RunningWeb, records: Records) -> None:
    body = json.dumps(run_event()).encode()
    status, receipt = await send(web, gzip.compress(body), Content_Encoding="gzip")
    assert status == 201
    assert (await records.one(receipt["event_id"])).value == body


async def test_an_event_may_have_eight_mebibytes(web: RunningWeb, records: Records) -> None:
    filler = "x" * (web.settings.web.event_bytes - len(json.dumps(run_event(note=""))) - 1)
    body = json.dumps(run_event(note=filler)).encode()
    status, receipt = await send(web, body)
    assert status == 201, receipt
    assert (await records.one(receipt["event_id"])).value == body
    status, problem = await send(web, body + b" " * 200)
    assert (status, problem["reason"]) == (413, "payload_too_large")
