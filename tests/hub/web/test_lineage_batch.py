"""POST /api/v1/lineage/batch: the answers of the OpenLineage specification, event by event, for arrays and for NDJSON."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.web.receivers.lineage_batch import BatchReceipt
from tests.hub.web.running import Records, RunningWeb, following, issue_keys, running_web, settings_for
from tests.hub.web.samples import run_event
from tests.support.corpus import require_corpus
from tests.support.proxy import proxied_broker

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON, NDJSON = "application/json", "application/x-ndjson"


async def send(web: RunningWeb, body: Any, media_type: str = JSON, **headers: str) -> tuple[int, Any]:
    """Send a body; return the status and the answer, None where there is none."""
    headers = web.headers(Content_Type=media_type, **headers)
    async with web.client.post("/api/v1/lineage/batch", data=body, headers=headers) as answer:
        text = await answer.read()
        return answer.status, json.loads(text) if text else None


def jobs(count: int) -> list[dict[str, Any]]:
    """Return events of as many new jobs."""
    return [run_event(job={"namespace": "prod", "name": uuid.uuid4().hex}) for _ in range(count)]


def as_array(events: list[bytes]) -> tuple[bytes, str]:
    """Return a body and its media type."""
    return b"[" + b" ,\n".join(events) + b"]", JSON


def as_lines(events: list[bytes]) -> tuple[bytes, str]:
    """Return a body and its media type."""
    return b"\n\r\n".join(events) + b"\r\n", NDJSON


@pytest.mark.parametrize("write", [as_array, as_lines])
async def test_a_batch_that_is_taken_whole_is_answered_204_and_each_event_is_written_as_it_came(
    web: RunningWeb, records: Records, write: Any
) -> None:
    events = [json.dumps(event, separators=(",", " : ")).encode() for event in jobs(3)]
    assert await send(web, *write(events)) == (204, None)
    for event in events:
        assert await written(records, event) == event


@pytest.mark.parametrize("write", [as_array, as_lines])
async def test_the_good_events_are_taken_and_the_bad_ones_are_named(
    web: RunningWeb, records: Records, write: Any
) -> None:
    good = [json.dumps(event).encode() for event in jobs(2)]
    bad = json.dumps(run_event(eventType="DONE", producer=7)).encode()
    status, receipt = await send(web, *write([good[0], bad, b'{"run":1,"run":2}', b"[]", good[1]]))
    assert status == 200
    BatchReceipt.model_validate(receipt)
    assert "warnings" not in receipt
    assert receipt["status"] == "partial_success"
    assert receipt["summary"] == {"received": 5, "successful": 2, "failed": 3, "retriable": 0, "non_retriable": 3}
    failed = receipt["failed_events"]
    assert [(each["index"], each["reason"].split(":")[0], each["retriable"]) for each in failed] == [
        (1, "schema_invalid", False),
        (2, "duplicate_key", False),
        (3, "schema_invalid", False),
    ]
    assert "/producer" in failed[0]["reason"]
    for event in good:
        assert await written(records, event) == event


async def test_a_broken_line_is_one_failed_event(web: RunningWeb, records: Records) -> None:
    first, last = (json.dumps(event).encode() for event in jobs(2))
    body = b"\n".join([first, b'{"eventTime": ', b"\xff", b"NaN", b"[" * 100 + b"]" * 100, last])
    status, receipt = await send(web, body, NDJSON)
    assert status == 200
    assert [(each["index"], each["reason"].split(":")[0]) for each in receipt["failed_events"]] == [
        (1, "invalid_json"),
        (2, "invalid_unicode"),
        (3, "invalid_json"),
        (4, "too_deep"),
    ]
    assert await written(records, first) == first
    assert await written(records, last) == last


async def test_quarantined_facets_are_warnings_by_event_and_a_success(web: RunningWeb) -> None:
    good, bad = jobs(2)
    bad["run"]["facets"] = {"parent": None, "nominalTime": {}}
    status, receipt = await send(web, json.dumps([good, bad]))
    BatchReceipt.model_validate(receipt)
    assert (status, receipt["status"], receipt["failed_events"]) == (200, "success", [])
    assert receipt["summary"] == {"received": 2, "successful": 2, "failed": 0, "retriable": 0, "non_retriable": 0}
    assert [(each["index"], each["pointer"]) for each in receipt["warnings"]] == [
        (1, "/run/facets/parent"),
        (1, "/run/facets/nominalTime"),
    ]
    bad["eventTime"] = "never"
    status, receipt = await send(web, json.dumps([good, bad]))
    assert (receipt["status"], receipt["summary"]["failed"]) == ("partial_success", 1)
    assert "warnings" not in receipt, "an event that was not taken has no warnings"


async def test_the_corpus_batches_get_the_answers_that_its_index_says(web: RunningWeb) -> None:
    corpus = require_corpus()
    assert await send(web, (corpus / "openlineage-edge/batch_valid.json").read_bytes()) == (204, None)
    status, receipt = await send(web, (corpus / "openlineage-invalid/batch_mixed.json").read_bytes())
    assert (status, receipt["summary"]["received"]) == (200, 7)
    assert [each["index"] for each in receipt["failed_events"]] == [1, 3, 5, 6]
    for name in ("batch_empty", "batch_object_not_array", "batch_openmetadata_shape"):
        status, problem = await send(web, (corpus / f"openlineage-invalid/{name}.json").read_bytes())
        assert (status, problem["reason"]) == (422, "schema_invalid"), name
        assert "array of 1 to 1000 events" in problem["detail"]
    ndjson = (corpus / "openlineage-invalid/body_ndjson.json").read_bytes()
    assert (await send(web, ndjson, NDJSON))[0] == 204


async def test_a_thousand_events_are_one_batch_and_one_more_is_too_many(web: RunningWeb) -> None:
    events = [json.dumps(event).encode() for event in jobs(1_001)]
    for write in (as_array, as_lines):
        body, media_type = write(events[:1_000])
        assert await send(web, body, media_type) == (204, None)
        body, media_type = write(events)
        status, problem = await send(web, body, media_type)
        assert (status, problem["reason"]) == (422, "schema_invalid")
        assert "1000" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "media_type", "status", "reason"),
    [
        (b"", JSON, 400, "empty_body"),
        (b"", NDJSON, 400, "empty_body"),
        (b" \n\r\n ", NDJSON, 422, "schema_invalid"),
        (b"\n" * 10_001, NDJSON, 422, "schema_invalid"),
        (b"[{}", JSON, 400, "invalid_json"),
        (b"[{}]{}", JSON, 400, "invalid_json"),
        (b"7", JSON, 422, "schema_invalid"),
        (b"[" * 100_000, JSON, 400, "too_deep"),
        (b"[]", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "application/x-ndjson; charset=latin-1", 415, "unsupported_media_type"),
    ],
)
async def test_a_body_that_is_no_batch_is_refused_whole(
    web: RunningWeb, body: bytes, media_type: str, status: int, reason: str
) -> None:
    answered, problem = await send(web, body, media_type)
    assert (answered, problem["reason"]) == (status, reason)


async def test_an_event_that_is_too_large_fails_alone(web: RunningWeb) -> None:
    (event,) = jobs(1)
    large = {**event, "note": "x" * web.settings.web.event_bytes}
    status, receipt = await send(web, json.dumps([large, event]))
    assert (status, receipt["summary"]["successful"]) == (200, 1)
    (failed,) = receipt["failed_events"]
    assert (failed["index"], failed["reason"].split(":")[0]) == (0, "payload_too_large")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("media_type", ["application/json; charset=UTF-8", 'application/x-ndjson;charset="utf-8"'])
async def test_chunked_and_gzipped_bodies_with_a_charset_are_taken(
    web: RunningWeb, records: Records, encoding: str, media_type: str
) -> None:
    event = json.dumps(jobs(1)[0]).encode()
    body = event if "ndjson" in media_type else b"[" + event + b"]"
    if encoding == "gzip":
        body = gzip.compress(body)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50):
            yield body[start : start + 50]

    # aiohttp's client sends what it is given piece by piece in chunks.
    assert await send(web, chunks(), media_type, Content_Encoding=encoding) == (204, None)
    assert await written(records, event) == event


@pytest.mark.parametrize(
    "key", ["7", str(uuid.uuid4()), f'"{uuid.uuid4()}"', "x" * 255], ids=["short", "uuid", "quoted", "long"]
)
async def test_a_batch_that_is_sent_again_has_the_same_event_ids(web: RunningWeb, records: Records, key: str) -> None:
    events = jobs(2)
    respelled = [dict(reversed(event.items())) for event in events]
    assert await send(web, json.dumps(events), Idempotency_Key=key) == (204, None)
    assert await send(web, json.dumps(respelled, indent=1), Idempotency_Key=key) == (204, None)
    status, single = await send_single(web, events[0])
    assert status == 201
    assert len(await records.of(single["event_id"], count=3)) == 3


async def test_the_same_key_with_other_content_takes_the_other_content(web: RunningWeb, records: Records) -> None:
    key = str(uuid.uuid4())
    for event in jobs(2):
        assert await send(web, json.dumps([event]), Idempotency_Key=key) == (204, None)
        assert await written(records, json.dumps(event).encode())


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é"])
@pytest.mark.parametrize("route", ["batch", "ingest"])
async def test_a_malformed_idempotency_key_is_refused(web: RunningWeb, key: str, route: str) -> None:
    headers = web.headers(Content_Type=JSON, Idempotency_Key=key)
    async with web.client.post(f"/api/v1/lineage/{route}", data=b"[]", headers=headers) as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["reason"]) == (400, "invalid_idempotency_key")


@pytest.mark.slow
async def test_when_the_broker_stalls_half_way_what_it_has_is_a_success_and_the_rest_is_retriable() -> None:
    event_bytes = 200_000
    async with proxied_broker() as (broker, proxy):
        kafka = broker.settings(acknowledge_timeout_seconds=5.0)
        await apply_topics(kafka)
        async with running_web(settings_for(kafka)) as web, following(kafka, (OPENLINEAGE_EVENTS,)) as records:
            await issue_keys(web)
            # Of one job, hence on one partition and one after another: each fills a request of its own.
            events = [json.dumps(run_event(note="x" * event_bytes)).encode() for _ in range(12)]
            body, _ = as_array(events)
            proxy.stall_after(int(3.5 * event_bytes))
            status, receipt = await send(web, body)
            assert status == 200, receipt
            summary = receipt["summary"]
            assert receipt["status"] == "partial_success"
            assert 1 <= summary["successful"] <= 4
            assert summary["retriable"] == summary["failed"] == 12 - summary["successful"]
            failed = [each["index"] for each in receipt["failed_events"] if each["retriable"]]
            assert len(failed) == summary["failed"]
            proxy.resume()
            for index in set(range(12)) - set(failed):
                assert await written(records, events[index]) == events[index]
            again, _ = as_array([events[index] for index in failed])
            assert await send(web, again) == (204, None)
            for event in events:
                assert await written(records, event) == event


async def send_single(web: RunningWeb, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send one event to /api/v1/lineage."""
    headers = web.headers(Content_Type=JSON)
    async with web.client.post("/api/v1/lineage", data=json.dumps(event).encode(), headers=headers) as answer:
        return answer.status, await answer.json()


async def written(records: Records, event: bytes) -> bytes:
    """Return the value of a record of the run of this event, once there is one."""
    run_id = json.loads(event)["run"]["runId"].encode()
    return bytes((await records.first(lambda record: run_id in record.value)).value)
