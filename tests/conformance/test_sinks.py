"""One contract for every sink (delivery/records.py): a repeated batch adds nothing, faults are told apart.

ClickHouse is the real engine; Marquez, which is on no registry, is the strict stand-in. A sink that is not in SUBJECTS fails here.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import json
import pkgutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lineagehub_agents import sinks
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Sink, SinkBatch, SomeRefused
from lineagehub_agents.flows import FLOWS
from lineagehub_agents.sinks.clickhouse import ClickHouseSink
from lineagehub_agents.sinks.lineage.sink import LineageSink
from lineagehub_agents.sinks.marquez.sink import MarquezSink
from lineagehub_agents.sinks.usage import UsageSink
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.broker.topics import apply_topics
from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.dead_letter import DeadLetter
from lineagehub.contract.headers import Envelope
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import MARQUEZ_FORWARDED, USAGE
from lineagehub.contract.usage import Counts, UsageDelta, day_of, decode_total, encode
from lineagehub.errors import Permanent, Retryable
from lineagehub.quota.daily import DayLimit
from lineagehub.settings import ClickHouseSettings, KafkaSettings, MarquezSettings, Settings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import AUDIT_IN, DEAD_LETTERS_IN, OTLP_TRACES_IN, encode_dead_letter
from tests.support.broker import start_embedded_broker
from tests.support.clickhouse import start_migrated_clickhouse
from tests.support.marquez import StrictMarquez, start_strict_marquez
from tests.support.records import read_records
from tests.support.signing import Tenancy


@dataclass
class Subject:
    """A sink on its real other side. `good` and `bad` make values; `stored` counts what arrived of a marker."""

    sink: Sink
    absent: Sink
    good: Callable[[str], bytes]
    bad: bytes
    stored: Callable[[str], Awaitable[int]]
    judges_each: bool = False


def _event(marker: str) -> bytes:
    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-24T10:00:00Z",
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "conformance", "name": marker},
            "producer": "https://example.com",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
    ).encode()


def _spans(marker: str) -> bytes:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = uuid.uuid4().bytes, uuid.uuid4().bytes[:8], marker
    return request.SerializeToString()


def _audit_entry(marker: str) -> bytes:
    entry = AuditEntry(
        id=uuid.uuid4(),
        at=datetime.now(UTC),
        namespace="team-a",
        actor=Actor(cli_user="tester"),
        action=Action.ACCESS,
        target=marker,
        outcome=Outcome.DENIED,
        request_id=marker,
    )
    return entry.model_dump_json().encode()


def _dead_letter(marker: str) -> bytes:
    offset = uuid.uuid4().int % 2**48
    return encode_dead_letter(DeadLetter(Reason.TOO_LARGE, marker, "a", "t", 0, offset), "", b"\xff")


_CLICKHOUSE_SINKS: dict[str, Callable[[ClickHouse], Sink]] = {
    "lineage": LineageSink,
    "traces": lambda client: ClickHouseSink(client, OTLP_TRACES_IN),
    "audit": lambda client: ClickHouseSink(client, AUDIT_IN),
    "dead letters": lambda client: ClickHouseSink(client, DEAD_LETTERS_IN),
}


@contextlib.asynccontextmanager
async def _clickhouse(directory: Path, table: str) -> AsyncIterator[Subject]:
    new_sink = _CLICKHOUSE_SINKS[table]
    count = {
        "lineage": "SELECT count() AS n FROM lineage_events WHERE JobName = {marker:String}",
        "traces": "SELECT count() AS n FROM otel_traces WHERE SpanName = {marker:String}",
        "audit": "SELECT count() AS n FROM audit_log WHERE Target = {marker:String}",
        "dead letters": "SELECT count() AS n FROM dead_letters WHERE Detail = {marker:String}",
    }[table]
    with start_migrated_clickhouse(directory) as server:
        settings = ClickHouseSettings(url=server.url)
        async with ClickHouse(settings) as client:

            async def stored(marker: str) -> int:
                return int((await client.select(count, {"marker": marker}))[0]["n"])

            absent = new_sink(ClickHouse(ClickHouseSettings(url="http://127.0.0.1:1")))
            # A field of the envelope's last message that ends too early: what upb refuses before it ever comes here.
            bad = b"\x0a\x7f"
            good = {"lineage": _event, "traces": _spans, "audit": _audit_entry, "dead letters": _dead_letter}[table]
            sink = new_sink(ClickHouse(settings))
            yield Subject(sink, absent, good, bad if table in ("traces", "dead letters") else b"\xff", stored)


@contextlib.asynccontextmanager
async def _marquez(_: Path) -> AsyncIterator[Subject]:
    async with start_strict_marquez() as marquez:
        with start_embedded_broker() as broker:
            kafka = broker.settings()
            await apply_topics(kafka, [MARQUEZ_FORWARDED])
            yield _marquez_subject(marquez, kafka)


def _marquez_subject(marquez: StrictMarquez, kafka: KafkaSettings) -> Subject:
    async def stored(marker: str) -> int:
        return sum(event["job"]["name"] == marker for event in marquez.events)

    sink = MarquezSink(Settings(kafka=kafka, marquez=MarquezSettings(url=marquez.url)))
    absent = MarquezSink(Settings(kafka=kafka, marquez=MarquezSettings(url="http://127.0.0.1:1")))
    bad = _event("x").replace(b'"name": "x"', b'"name": ""')
    return Subject(sink, absent, _event, bad, stored, judges_each=True)


@contextlib.asynccontextmanager
async def _usage(_: Path) -> AsyncIterator[Subject]:
    with start_embedded_broker() as broker:
        kafka = broker.settings()
        await apply_topics(kafka, [USAGE])
        sink = UsageSink(kafka, lambda _: DayLimit(1_000, 1_000))
        absent = UsageSink(
            KafkaSettings(brokers="127.0.0.1:1", acknowledge_timeout_seconds=0.2), lambda _: DayLimit(1_000, 1_000)
        )
        offsets = itertools.count()
        today = day_of(time.time_ns() // 1_000_000)

        def good(marker: str) -> bytes:
            place = next(offsets)
            counts = Counts(stored=1)
            return encode(UsageDelta(marker, today, Signal.LINEAGE, "topic", 0, place, place, 1, counts))

        async def stored(marker: str) -> int:
            records = await read_records(kafka, USAGE.name, 0)
            totals = [
                decode_total(record.value) for record in records if record.value and marker in record.key.decode()
            ]
            return totals[-1].counts.stored if totals else 0

        yield Subject(sink, absent, good, b"\xff", stored)


Factory = Callable[[Path], contextlib.AbstractAsyncContextManager[Subject]]

SUBJECTS: dict[str, tuple[type[Sink], Factory]] = {
    "clickhouse lineage": (LineageSink, lambda directory: _clickhouse(directory, "lineage")),
    "clickhouse traces": (ClickHouseSink, lambda directory: _clickhouse(directory, "traces")),
    "clickhouse audit": (ClickHouseSink, lambda directory: _clickhouse(directory, "audit")),
    "clickhouse dead letters": (ClickHouseSink, lambda directory: _clickhouse(directory, "dead letters")),
    "marquez": (MarquezSink, _marquez),
    "usage": (UsageSink, _usage),
}


@pytest.fixture(scope="module", params=list(SUBJECTS))
async def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    """Each sink, started."""
    kind, make = SUBJECTS[request.param]
    async with make(tmp_path_factory.mktemp("sink")) as made:
        assert type(made.sink) is kind
        await made.sink.start()
        await made.absent.start()
        yield made
        await made.sink.close()
        await made.absent.close()


def _batch(*values: bytes, partition: int = 0) -> SinkBatch:
    records = tuple(
        CheckedRecord(
            Record(Partition("topic", partition), offset, 1_763_978_400_000, None, value, ()),
            value,
            Envelope("team-a", "kid00000", uuid.uuid4().hex, 1_763_978_400_000, "kind"),
            3_650,
        )
        for offset, value in enumerate(values)
    )
    return SinkBatch(uuid.uuid4().hex, records)


async def test_a_batch_arrives_whole(subject: Subject) -> None:
    marker, size = uuid.uuid4().hex, min(3, subject.sink.maximum_records)
    await subject.sink.send(_batch(*(subject.good(marker) for _ in range(size))))
    assert await subject.stored(marker) == size


async def test_a_batch_that_is_sent_again_adds_nothing(subject: Subject) -> None:
    marker = uuid.uuid4().hex
    batch = _batch(subject.good(marker))
    await subject.sink.send(batch)
    await subject.sink.send(batch)
    assert await subject.stored(marker) == 1


async def test_data_that_can_never_be_taken_are_refused_with_their_batch_or_by_themselves(
    subject: Subject, request: pytest.FixtureRequest
) -> None:
    if request.node.callspec.id in ("clickhouse lineage", "clickhouse audit", "usage"):
        pytest.skip("it takes any bytes as the text, or is given only what its processor has read")
    marker = uuid.uuid4().hex
    with pytest.raises(SomeRefused if subject.judges_each else Permanent) as caught:
        await subject.sink.send(_batch(subject.good(marker), subject.bad))
    assert await subject.stored(marker) == (1 if subject.judges_each else 0)
    if isinstance(caught.value, SomeRefused):
        assert [refused.value for refused, _ in caught.value.refusals] == [subject.bad]


async def test_an_absent_other_side_is_retryable(subject: Subject) -> None:
    with pytest.raises(Retryable):
        await subject.absent.send(_batch(subject.good(uuid.uuid4().hex)))


async def test_batches_of_several_partitions_may_be_sent_at_once(subject: Subject) -> None:
    marker = uuid.uuid4().hex
    await asyncio.gather(*(subject.sink.send(_batch(subject.good(marker), partition=number)) for number in range(4)))
    assert await subject.stored(marker) == 4


async def test_closing_may_be_repeated(subject: Subject) -> None:
    await subject.absent.close()
    await subject.absent.close()
    await subject.absent.start()


def test_every_sink_of_the_flows_and_of_the_folder_is_a_subject() -> None:
    settings = Settings(marquez=MarquezSettings(url="http://127.0.0.1:1"))
    found = pkgutil.walk_packages(sinks.__path__, f"{sinks.__name__}.")
    modules = [importlib.import_module(module.name) for module in found]
    in_folder = {value for module in modules for value in vars(module).values() if hasattr(value, "maximum_records")}
    in_flows: set[object] = {type(route.sink(settings, Tenancy().directory)) for flow in FLOWS for route in flow.routes}
    assert in_folder == in_flows == {kind for kind, _ in SUBJECTS.values()}
