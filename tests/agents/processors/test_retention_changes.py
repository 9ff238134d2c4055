"""A changed retention reaches the agents by the control topic: the next record is stamped with it, and nothing is restarted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lineagehub_agents.delivery.records import Partition, Record
from lineagehub_agents.processors.telemetry import logs_processor, traces_processor
from lineagehub_agents.processors.verification import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.topics import CONTROL, OTEL_LOGS, OTEL_SPANS
from lineagehub.settings import KafkaSettings
from tests.support.broker import start_embedded_broker
from tests.support.signing import SECRET_KEY, Writer
from tests.support.waiting import wait_until_async

NOW_MS = round(datetime.now(UTC).timestamp() * 1000)
REQUEST = ExportTraceServiceRequest().SerializeToString()


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaSettings]:
    """A broker of this file's own."""
    with start_embedded_broker() as broker:
        yield broker.settings()


def record(topic: str, kind: ContentKind) -> Record:
    """A record of the hub's for the namespace."""
    writer = Writer.with_hmac_key("analytics", HUB_KEY_ID, Sealer(SECRET_KEY).hub_signing_key)
    headers = writer.headers(topic, REQUEST, kind, "event-1", NOW_MS)
    return Record(Partition(topic, 0), 7, NOW_MS, None, REQUEST, tuple(headers))


async def test_a_running_processor_stamps_the_days_that_the_record_has_now(kafka: KafkaSettings) -> None:
    await apply_topics(kafka, [CONTROL])
    directory = Directory(Sealer(SECRET_KEY))
    verifier = Verifier(directory, kafka)
    traces, logs = traces_processor(verifier), logs_processor(verifier)
    spans, log_records = record(OTEL_SPANS.name, ContentKind.TRACES), record(OTEL_LOGS.name, ContentKind.LOGS)
    first = new_namespace("analytics")
    second = changed_namespace(first, retention_days=90, signal_retention_days={"traces": 7})
    view = CompactedView(kafka, kafka.topic_name(CONTROL), directory.apply)
    await view.start()
    try:
        async with Producer(kafka) as producer:
            writer = ControlWriter(producer, kafka.topic_name(CONTROL))
            for namespace, days_of_traces, days_of_logs in ((first, 30, 30), (second, 7, 90)):
                await writer.put(namespace)

                async def is_known(revision: int = namespace.revision) -> bool:
                    known = directory.namespaces.get("analytics")
                    return known is not None and known.revision == revision

                await wait_until_async(is_known, 20, f"revision {namespace.revision} to arrive")
                assert traces.check(spans).retention_days == days_of_traces
                assert logs.check(log_records).retention_days == days_of_logs
    finally:
        await view.stop()
