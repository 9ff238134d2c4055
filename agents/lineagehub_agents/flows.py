"""FLOWS: every agent of LineageHub on one screen: topic -> processor -> sink.

An agent is a consumer group and a unit of scale: `lineagehub agent NAME` runs it. To add a sink or an agent: one file in
sinks/ (and processors/ for a new kind of record) and one line here; a test fails on a file that is not registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lineagehub.auth.directory import Directory
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import (
    AUDIT,
    DEAD_LETTER_DECISIONS,
    DEAD_LETTERS,
    OPENLINEAGE_EVENTS,
    OTEL_LOGS,
    OTEL_METRICS,
    OTEL_SPANS,
    USAGE_DELTAS,
    Topic,
)
from lineagehub.quota.limits import limits_by_name
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
from lineagehub_agents.processors.usage import UsageProcessor
from lineagehub_agents.processors.verification import Verifier
from lineagehub_agents.sinks.clickhouse import ClickHouseSink
from lineagehub_agents.sinks.lineage.sink import LineageSink
from lineagehub_agents.sinks.marquez.sink import MarquezSink
from lineagehub_agents.sinks.usage import UsageSink


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one topic, and of the topics bound below it, through an agent.

    `metered`: the signal that its events are counted as, by the one agent that stores them.
    """

    topic: Topic
    processor: Callable[[Verifier], Processor]
    sink: Callable[[Settings, Directory], Sink]
    metered: Signal | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One agent: its name is its consumer group."""

    name: str
    routes: tuple[Route, ...]


def _clickhouse(table: LandingTable) -> Callable[[Settings, Directory], Sink]:
    return lambda settings, _: ClickHouseSink(ClickHouse(settings.clickhouse), table)


def _lineage(settings: Settings, _: Directory) -> Sink:
    return LineageSink(ClickHouse(settings.clickhouse))


def _marquez(settings: Settings, _: Directory) -> Sink:
    return MarquezSink(settings)


def _usage(settings: Settings, directory: Directory) -> Sink:
    return UsageSink(settings.kafka, limits_by_name(directory))


FLOWS: tuple[Flow, ...] = (
    Flow("lineage-store", (Route(OPENLINEAGE_EVENTS, LineageProcessor, _lineage, Signal.LINEAGE),)),
    Flow(
        "telemetry-store",
        (
            Route(OTEL_SPANS, traces_processor, _clickhouse(OTLP_TRACES_IN), Signal.TRACES),
            Route(OTEL_METRICS, metrics_processor, _clickhouse(OTLP_METRICS_IN), Signal.METRICS),
            Route(OTEL_LOGS, logs_processor, _clickhouse(OTLP_LOGS_IN), Signal.LOGS),
        ),
    ),
    Flow("audit", (Route(AUDIT, AuditProcessor, _clickhouse(AUDIT_IN)),)),
    Flow("quota", (Route(USAGE_DELTAS, UsageProcessor, _usage),)),
    Flow(
        "dead-letters",
        (
            Route(DEAD_LETTERS, DeadLetterProcessor, _clickhouse(DEAD_LETTERS_IN)),
            Route(DEAD_LETTER_DECISIONS, DecisionProcessor, _clickhouse(DEAD_LETTER_DECISIONS_IN)),
        ),
    ),
    Flow("marquez", (Route(OPENLINEAGE_EVENTS, LineageProcessor, _marquez),)),
)
