"""Metering by an id-level ledger, over HTTP and straight to Kafka: every event is counted once, whoever is killed in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lineagehub_sdk import _wire

from lineagehub.broker.producer import Producer
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.over_quota import origin_of
from lineagehub.contract.topics import DEAD_LETTERS, OPENLINEAGE_EVENTS, OVER_QUOTA
from lineagehub.settings import KafkaSettings
from tests.support.hub import Hub, run_command, start_hub
from tests.support.records import read_records
from tests.support.waiting import wait_until

NAMESPACE = "demo"
COUNTED_SECONDS = 120
EVENTS_A_REQUEST = 50


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose namespace nobody else uses."""
    with start_hub(tmp_path_factory.mktemp("usage")) as running:
        yield running


def _event(job: str) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "usage", "name": job},
        "producer": "https://example.com/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _send(hub: Hub, events: list[dict[str, Any]]) -> None:
    answer = hub.post_json("/api/v1/lineage/ingest", {"events": events})
    assert answer.status == 200, answer.body
    assert answer.json()["accepted"] == len(events)


def _produce(hub: Hub, values: list[bytes]) -> None:
    """Write signed records straight to Kafka, as the SDK does."""

    async def produce() -> None:
        kafka = KafkaSettings(brokers=hub.ready["kafka"], idempotent=False)
        kid, sign = _wire.signer(hub.api_key)
        topic = OPENLINEAGE_EVENTS.name
        async with Producer(kafka) as producer:

            async def send(value: bytes) -> None:
                envelope = Envelope(
                    NAMESPACE, kid, uuid.uuid4().hex, time.time_ns() // 1_000_000, ContentKind.OPENLINEAGE
                )
                headers = envelope.headers_with(sign(envelope.signed_message(topic, value)))
                await producer.send(topic, value, headers=headers)

            await asyncio.gather(*map(send, values))

    asyncio.run(produce())


def _lineage(hub: Hub) -> dict[str, int]:
    """Return the counts of lineage, all days together: a test may run over midnight."""
    yesterday = datetime.fromtimestamp(time.time() - 86_400, UTC).date()
    answer = hub.get(f"/api/v1/namespaces/{NAMESPACE}/usage", **{"from": yesterday.isoformat()})
    assert answer.status == 200, answer.body
    names = ("received", "stored", "duplicate", "dead_lettered", "over_quota")
    days = [day["signals"]["lineage"] for day in answer.json()["days"] if "lineage" in day["signals"]]
    return {name: sum(day[name] for day in days) for name in names}


def _wait_received(hub: Hub, count: int) -> dict[str, int]:
    wait_until(lambda: _lineage(hub)["received"] >= count, COUNTED_SECONDS, f"{count} events to be counted")
    return _lineage(hub)


def _kill(hub: Hub, agent: str) -> None:
    wait_until(lambda: hub.agent_pid(agent) is not None, COUNTED_SECONDS, f"{agent} to run")
    pid = hub.agent_pid(agent)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _stored(hub: Hub) -> int:
    return hub.count("SELECT uniqExact(EventId) FROM lineage_events WHERE Namespace = 'demo'")


def _records(hub: Hub, topic: str, count: int) -> list[Any]:
    return asyncio.run(read_records(KafkaSettings(brokers=hub.ready["kafka"], idempotent=False), topic, count))


def _limit(hub: Hub, **limits: int) -> None:
    answer = hub.request(
        "PUT",
        f"/api/v1/namespaces/{NAMESPACE}/limits",
        json.dumps(limits).encode(),
        {"Content-Type": "application/json"},
        key=hub.ready["operator_key"],
    )
    assert answer.status == 200, answer.body


def _redrive(hub: Hub) -> dict[str, int]:
    result = run_command(
        "over-quota",
        "redrive",
        NAMESPACE,
        "--json",
        LINEAGEHUB_KAFKA_BROKERS=hub.ready["kafka"],
        LINEAGEHUB_KAFKA_IDEMPOTENT="false",
        LINEAGEHUB_SECRET_KEY=(hub.data / "secret.key").read_text().strip(),
    )
    assert result.returncode == 0, result.stderr
    redriven: dict[str, int] = json.loads(result.stdout)
    return redriven


@pytest.mark.slow
def test_every_event_is_counted_once_though_both_agents_are_killed(hub: Hub) -> None:
    before = _lineage(hub)
    sent = produced = bad = repeated = 0
    for round_ in range(5):
        events = [_event(f"http-{number}") for number in range(EVENTS_A_REQUEST)]
        _send(hub, events)
        _send(hub, events[:10])
        _produce(hub, [json.dumps(_event(f"kafka-{number}")).encode() for number in range(EVENTS_A_REQUEST)])
        _produce(hub, [b'{"no": "event"}', b"no JSON"])
        sent, produced = sent + EVENTS_A_REQUEST, produced + EVENTS_A_REQUEST
        bad, repeated = bad + 2, repeated + 10
        if round_ % 2:
            # In the middle of what was just sent: what came before is counted.
            _kill(hub, "lineage-store")
            _kill(hub, "quota")
        else:
            _wait_received(hub, before["received"] + sent + produced + bad + repeated)
    counts = _wait_received(hub, before["received"] + sent + produced + bad + repeated)
    assert counts["duplicate"] - before["duplicate"] == repeated
    assert counts["stored"] - before["stored"] == sent + produced
    assert counts["dead_lettered"] - before["dead_lettered"] == bad
    assert counts["received"] == sum(counts[name] for name in ("stored", "duplicate", "dead_lettered", "over_quota"))
    assert counts["stored"] == _stored(hub)
    places = {
        tuple(dict(record.headers)[name] for name in ("dl-topic", "dl-partition", "dl-offset"))
        for record in _records(hub, DEAD_LETTERS.name, bad)
    }
    assert counts["dead_lettered"] == len(places)


@pytest.mark.slow
def test_over_the_limit_http_is_refused_and_kafka_is_diverted_and_what_was_let_in_is_stored(hub: Hub) -> None:
    before = _lineage(hub)
    charged = before["stored"] + before["dead_lettered"]
    _limit(hub, events_per_day=charged + 60)
    _send(hub, [_event(f"last-{number}") for number in range(50)])
    refused = hub.post_json("/api/v1/lineage/ingest", {"events": [_event(f"refused-{n}") for n in range(50)]})
    assert refused.status == 429, refused.body
    problem = refused.json()
    assert problem["reason"] == "quota_exceeded"
    assert (problem["limit"], problem["used"]) == (charged + 60, charged + 50)
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert f'"day";q={charged + 60};w=86400' in refused.headers["RateLimit-Policy"]
    assert '"day";r=10;t=' in refused.headers["RateLimit"]
    counts = _wait_received(hub, before["received"] + 50)
    _produce(hub, [json.dumps(_event(f"direct-{number}")).encode() for number in range(100)])
    counts = _wait_received(hub, before["received"] + 150)
    assert counts["over_quota"] >= 100 - 10
    assert counts["stored"] - before["stored"] == 150 - counts["over_quota"]
    assert counts["stored"] == _stored(hub)
    over = _records(hub, OVER_QUOTA.name, counts["over_quota"])
    origins = {origin_of(record.headers)[0] for record in over}
    assert len(origins) == counts["over_quota"], "each is there once, by its place"
    assert sum(origin.events for origin in origins) == counts["over_quota"]

    assert _redrive(hub) == {"sent": 0, "events": 0, "refused": 0, "left": len(over)}, "the day is still used up"
    _limit(hub, events_per_day=1_000_000)
    assert _redrive(hub) == {"sent": len(over), "events": len(over), "refused": 0, "left": 0}
    assert _redrive(hub) == {"sent": 0, "events": 0, "refused": 0, "left": 0}, "nothing goes twice"
    counts = _wait_received(hub, before["received"] + 150 + len(over))
    assert counts["stored"] - before["stored"] == 150
    assert counts["stored"] == _stored(hub)
