"""POST /api/v1/lineage/ingest: a result for each event, the good ones written, the envelope checked as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hub.web.running import Records, RunningWeb, verified
from tests.hub.web.samples import run_event

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send(web: RunningWeb, body: bytes | dict[str, Any]) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = web.headers(Content_Type="application/json")
    async with web.client.post("/api/v1/lineage/ingest", data=data, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


def event_ids(records: Records, web: RunningWeb, job: str) -> list[str]:
    return [verified(record, web).event_id for record in records.all if json.loads(record.value)["job"]["name"] == job]


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"lineage_data": body}])
async def test_events_are_taken_flat_and_wrapped(web: RunningWeb, records: Records, wrap: Any) -> None:
    events = [run_event() for _ in range(3)]
    status, receipt = await send(web, wrap({"namespace": web.namespace, "events": events, "source": "tests"}))
    assert (status, receipt) == (200, {"accepted": 3, "rejected": 0, "errors": [], "namespace": web.namespace})


async def test_the_good_events_of_a_batch_are_written_and_the_bad_ones_are_named(
    web: RunningWeb, records: Records
) -> None:
    good = json.dumps(run_event(job={"namespace": "prod", "name": "mixed"}), indent=1).encode()
    bad = json.dumps(run_event(eventType="DONE")).encode()
    deep = b'{"run":' + b"[" * 70 + b"]" * 70 + b"}"
    twice = b'{"run":1,"run":2}'
    text = b'"\xff"'
    body = b'{"events":[' + b",".join([good, bad, deep, twice, text, good]) + b"]}"
    status, receipt = await send(web, body)
    assert status == 200
    assert (receipt["accepted"], receipt["rejected"]) == (2, 4)
    assert [(error["index"], error["reason"]) for error in receipt["errors"]] == [
        (1, "schema_invalid"),
        (2, "too_deep"),
        (3, "duplicate_key"),
        (4, "invalid_unicode"),
    ]
    assert receipt["errors"][0]["pointer"] == "/eventType"
    status, single = await _send_one(web, good)
    assert status == 201
    written = await records.of(single["event_id"], count=3)
    assert {record.value for record in written} == {good}, "the bytes inside the batch are the event's own"


async def test_quarantined_facets_are_warnings_by_event(web: RunningWeb) -> None:
    event = run_event()
    event["run"]["facets"] = {"parent": None}
    status, receipt = await send(web, {"events": [run_event(), event]})
    assert (status, receipt["accepted"], receipt["errors"]) == (200, 2, [])
    assert receipt["warnings"] == [{"index": 1, "pointer": "/run/facets/parent", "detail": "must be an object."}]


async def _send_one(web: RunningWeb, body: bytes) -> tuple[int, dict[str, Any]]:
    headers = web.headers(Content_Type="application/json")
    async with web.client.post("/api/v1/lineage", data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_thousand_events_are_one_batch_and_one_more_is_too_many(web: RunningWeb) -> None:
    events = [run_event() for _ in range(1_000)]
    assert (await send(web, {"events": events}))[1]["accepted"] == 1_000
    status, problem = await send(web, {"events": [*events, run_event()]})
    assert (status, problem["reason"]) == (422, "schema_invalid")
    assert problem["errors"][0]["pointer"] == "/events"


async def test_another_namespace_than_the_keys_is_refused_whole(web: RunningWeb, records: Records) -> None:
    status, problem = await send(web, {"namespace": "team-b", "events": [run_event()]})
    assert (status, problem["reason"]) == (403, "namespace_mismatch")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "empty_body"),
        (b"{", 400, "invalid_json"),
        (b"[]", 422, "schema_invalid"),
        (b"{}", 422, "schema_invalid"),
        (b'{"events":[]}', 422, "schema_invalid"),
        (b'{"events":{}}', 422, "schema_invalid"),
        (b'{"events":[1],"namespace":7}', 422, "schema_invalid"),
        (b'{"lineage_data":7}', 422, "schema_invalid"),
        (b'{"events":' + b"[" * 100_000, 400, "too_deep"),
        (b'{"events":[{"a":NaN}]}', 400, "invalid_json"),
    ],
)
async def test_a_wrong_envelope_is_refused_whole(web: RunningWeb, body: bytes, status: int, reason: str) -> None:
    answered, problem = await send(web, body)
    assert (answered, problem["reason"]) == (status, reason)
