"""Kafka goes away and comes back: 503 with Retry-After in between, on every receiver, and never a 2xx that is not
written."""

from __future__ import annotations

import asyncio
import json

import pytest

from lineagehub.broker.topics import apply_topics
from tests.hub.web.running import READY_SECONDS, RunningWeb, issue_keys, running_web, settings_for
from tests.hub.web.samples import run_event, trace_request
from tests.support.broker import start_embedded_broker
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = "application/json"
NDJSON = "application/x-ndjson"
PROTOBUF = "application/x-protobuf"
ALL_SERVED = [201, 200, 200, 200, 200, 200]


async def post(web: RunningWeb, path: str, body: bytes, media_type: str) -> tuple[int, int, bytes]:
    async with web.client.post(path, data=body, headers=web.headers(Content_Type=media_type)) as answer:
        return answer.status, int(answer.headers.get("Retry-After", 0)), await answer.read()


async def post_to_all(web: RunningWeb) -> list[tuple[int, int, bytes]]:
    event = json.dumps(run_event()).encode()
    batch = json.dumps({"events": [run_event() for _ in range(20)]}).encode()
    return list(
        await asyncio.gather(
            post(web, "/api/v1/lineage", event, JSON),
            post(web, "/api/v1/lineage/ingest", batch, JSON),
            post(web, "/api/v1/lineage/batch", b"[" + event + b"," + event + b",7]", JSON),
            post(web, "/api/v1/lineage/batch", event + b"\n{", NDJSON),
            post(web, "/v1/traces", trace_request(3).SerializeToString(), PROTOBUF),
            post(web, "/v1/traces", trace_request(40, attribute_bytes=40_000).SerializeToString(), PROTOBUF),
        )
    )


async def test_every_receiver_answers_503_while_the_broker_is_away_and_serves_again_when_it_is_back() -> None:
    with start_embedded_broker() as broker:
        kafka = broker.settings(acknowledge_timeout_seconds=1.5)
        await apply_topics(kafka)
        async with running_web(settings_for(kafka)) as web:
            await issue_keys(web)
            assert [status for status, _, _ in await post_to_all(web)] == ALL_SERVED

            broker.kill()
            for status, retry_after, body in await post_to_all(web):
                assert status == 503
                assert retry_after >= 1
                assert b"unavailable" in body
                assert broker.address.encode() not in body
            async with web.client.get("/readyz") as answer:
                assert answer.status == 503
            async with web.client.get("/api/v1/health") as answer:
                assert answer.status == 200

            view = web.parts.control_view

            async def out_of_contact() -> bool:
                return view.seconds_since_contact > 2

            await wait_until_async(out_of_contact, READY_SECONDS, "the control view to notice that nobody answers")

            broker.start()
            await apply_topics(kafka)

            async def all_served() -> bool:
                return [status for status, _, _ in await post_to_all(web)] == ALL_SERVED

            await wait_until_async(all_served, READY_SECONDS, "the receivers to serve again")

            async def in_contact() -> bool:
                return view.seconds_since_contact < 2

            await wait_until_async(in_contact, READY_SECONDS, "the control view to be followed again")
