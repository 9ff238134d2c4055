"""The ledger of a day's quota, event by event, from what stands on the topics and in ClickHouse: what `/usage` must be equal to."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.contract.dead_letter import HEADER_OFFSET, HEADER_PARTITION, HEADER_TOPIC
from lineagehub.contract.over_quota import origin_of
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import DEAD_LETTERS, OPENLINEAGE_EVENTS, OTEL_SPANS, OVER_QUOTA
from lineagehub.contract.usage import Counts, day_of
from lineagehub.settings import KafkaSettings
from tests.support.hub import Hub
from tests.support.records import Place, read_records

SIGNALS = {OPENLINEAGE_EVENTS.name: Signal.LINEAGE, OTEL_SPANS.name: Signal.TRACES}
READ_SECONDS = 60

DayAndSignal = tuple[str, Signal]


@dataclass(frozen=True)
class Taken:
    """A record that the broker took: `ids` of its events, none of garbage, which counts as one event."""

    place: Place
    signal: Signal
    day: str
    ids: tuple[str, ...]
    size: int

    @property
    def events(self) -> int:
        """How many events it counts as."""
        return len(self.ids) or 1


def read_taken(kafka: KafkaSettings, at_least: Mapping[str, int]) -> list[Taken]:
    """Return all records of the topics named, in order within each partition, of at least so many."""
    return [
        Taken(
            (topic, one.partition, one.offset),
            SIGNALS[topic],
            day_of(one.timestamp),
            _ids(topic, one.value),
            len(one.value),
        )
        for topic, count in at_least.items()
        for one in _read(kafka, topic, count)
    ]


def read_dead(kafka: KafkaSettings, at_least: int) -> set[Place]:
    """Return the places of the records that have a dead letter."""
    names = (HEADER_TOPIC, HEADER_PARTITION, HEADER_OFFSET)
    dead: set[Place] = set()
    for letter in _read(kafka, DEAD_LETTERS.name, at_least):
        topic, partition, offset = (dict(reversed(letter.headers))[name] for name in names)
        dead.add((topic.decode(), int(partition), int(offset)))
    return dead


def read_diverted(kafka: KafkaSettings, at_least: int) -> dict[Place, int]:
    """Return the events of each record that was diverted as over quota, by its place."""
    origins = [origin_of(record.headers)[0] for record in _read(kafka, OVER_QUOTA.name, at_least)]
    return {(origin.topic, origin.partition, origin.offset): origin.events for origin in origins}


def expected_counts(
    taken: Iterable[Taken], dead: set[Place], diverted: Mapping[Place, int]
) -> tuple[dict[DayAndSignal, Counts], dict[str, str]]:
    """Return what a day has of each signal, and the ids that must be stored, with the day of the copy that was stored first."""
    counts: defaultdict[DayAndSignal, Counts] = defaultdict(Counts)
    stored: dict[str, str] = {}
    for record in taken:
        if record.place in dead:
            added = Counts(dead_lettered=record.events, bytes=record.size)
        elif record.place in diverted:
            added = Counts(over_quota=record.events)
        else:
            new = [id_ for id_ in record.ids if id_ not in stored]
            stored |= dict.fromkeys(new, record.day)
            added = Counts(stored=len(new), duplicate=len(record.ids) - len(new), bytes=record.size if new else 0)
        counts[record.day, record.signal] += added
    return dict(counts), stored


def reported_counts(hub: Hub, days: Iterable[str]) -> dict[DayAndSignal, Counts]:
    """Return what `/usage` says of the days, asserting its own sum rule, of each signal and of the whole day."""
    first, *_, last = sorted(days)
    answer = hub.get(f"/api/v1/namespaces/{hub.ready['namespace']}/usage", **{"from": first, "to": last})
    assert answer.status == 200, answer.body
    reported: dict[DayAndSignal, Counts] = {}
    for day in answer.json()["days"]:
        counts = {Signal(name): _counts(one) for name, one in day["signals"].items()}
        total = sum(counts.values(), Counts())
        assert (total, total.charged) == (_counts(day["total"]), day["used"])
        reported |= {(day["day"], signal): one for signal, one in counts.items()}
    return reported


def stored_days(hub: Hub) -> list[tuple[str, str]]:
    """Return (id, day) of each event of lineage that is stored, the day being that of its first copy, as ClickHouse has it."""
    rows = hub.rows(
        "SELECT RunId AS id, toString(toDate(tupleElement(first, 2))) AS day FROM"
        " (SELECT EventTime, EventId, min(First) AS first FROM metered_events WHERE Namespace = 'demo' GROUP BY EventTime, EventId)"
        " AS metered ANY INNER JOIN (SELECT EventTime, EventId, RunId FROM lineage_events WHERE Namespace = 'demo') AS events"
        " USING (EventTime, EventId)"
    )
    return [(row["id"], row["day"]) for row in rows]


def stored_spans(hub: Hub) -> list[str]:
    """Return the ids of all rows of spans, one that is there twice twice."""
    rows = hub.rows("SELECT concat(TraceId, SpanId) AS id FROM otel_traces WHERE Namespace = 'demo'")
    return [row["id"] for row in rows]


def _read(kafka: KafkaSettings, topic: str, at_least: int) -> list[Any]:
    return asyncio.run(read_records(kafka, topic, at_least, READ_SECONDS))


def _ids(topic: str, value: bytes) -> tuple[str, ...]:
    try:
        if topic == OPENLINEAGE_EVENTS.name:
            return (json.loads(value)["run"]["runId"],)
        request = ExportTraceServiceRequest.FromString(value)
    except (ValueError, KeyError, DecodeError):
        return ()
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return tuple(span.trace_id.hex() + span.span_id.hex() for span in spans)


def _counts(reported: Mapping[str, int]) -> Counts:
    counts = Counts(**{name: reported[name] for name in Counts.__struct_fields__})
    assert counts.received == reported["received"]
    return counts
