"""FLOWS: every agent of LineageHub on one screen: topic -> processor -> sink.

An agent is a consumer group and a unit of scale: `lineagehub agent NAME` runs it. To add a sink or an agent: one file in
sinks/ (and processors/ for a new kind of record) and one line here; a test fails on a file that is not registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lineagehub.contract.topics import (
    AUDIT,
    DEAD_LETTER_DECISIONS,
    DEAD_LETTERS,
    OPENLINEAGE_EVENTS,
    OTEL_LOGS,
    OTEL_METRICS,
    OTEL_SPANS,
    Topic,
)
from lineagehub.settings import Settings
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import (
    AUDIT_IN,
    DEAD_LETTER_DECISIONS_IN,
    DEAD_LETTERS_IN,
    OTLP_LOGS_IN,
    OTLP_METRICS_IN,
    OTLP_TRACES_IN,
    LandingTable,
)
from lineagehub_agents.delivery.records import Processor, Sink
from lineagehub_agents.processors.audit import AuditProcessor
from lineagehub_agents.processors.dead_letters import DeadLetterProcessor, DecisionProcessor
from lineagehub_agents.processors.lineage import LineageProcessor
from lineagehub_agents.processors.telemetry import logs_processor, metrics_processor, traces_processor
from lineagehub_agents.processors.verification import Verifier
from lineagehub_agents.sinks.clickhouse import ClickHouseSink
from lineagehub_agents.sinks.lineage.sink import LineageSink
from lineagehub_agents.sinks.marquez.sink import MarquezSink


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one topic, and of the topics bound below it, through an agent."""

    topic: Topic
    processor: Callable[[Verifier], Processor]
    sink: Callable[[Settings], Sink]


@dataclass(frozen=True, slots=True)
class Flow:
    """One agent: its name is its consumer group."""

    name: str
    routes: tuple[Route, ...]


def _clickhouse(table: LandingTable) -> Callable[[Settings], Sink]:
    return lambda settings: ClickHouseSink(ClickHouse(settings.clickhouse), table)


def _lineage(settings: Settings) -> Sink:
    return LineageSink(ClickHouse(settings.clickhouse))


FLOWS: tuple[Flow, ...] = (
    Flow("lineage-store", (Route(OPENLINEAGE_EVENTS, LineageProcessor, _lineage),)),
    Flow(
        "telemetry-store",
        (
            Route(OTEL_SPANS, traces_processor, _clickhouse(OTLP_TRACES_IN)),
            Route(OTEL_METRICS, metrics_processor, _clickhouse(OTLP_METRICS_IN)),
            Route(OTEL_LOGS, logs_processor, _clickhouse(OTLP_LOGS_IN)),
        ),
    ),
    Flow("audit", (Route(AUDIT, AuditProcessor, _clickhouse(AUDIT_IN)),)),
    Flow(
        "dead-letters",
        (
            Route(DEAD_LETTERS, DeadLetterProcessor, _clickhouse(DEAD_LETTERS_IN)),
            Route(DEAD_LETTER_DECISIONS, DecisionProcessor, _clickhouse(DEAD_LETTER_DECISIONS_IN)),
        ),
    ),
    Flow("marquez", (Route(OPENLINEAGE_EVENTS, LineageProcessor, MarquezSink),)),
)
