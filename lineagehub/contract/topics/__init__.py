"""TOPICS: the one list of the topics of LineageHub.

To add a topic: one file here and one line in `TOPICS`; a test fails on a file that is not registered.
"""

from __future__ import annotations

from lineagehub.contract.signals import Signal
from lineagehub.contract.topics._topic import Topic
from lineagehub.contract.topics.agent_states import AGENT_STATES
from lineagehub.contract.topics.alerts import ALERTS
from lineagehub.contract.topics.audit import AUDIT
from lineagehub.contract.topics.control import CONTROL
from lineagehub.contract.topics.dead_letter_decisions import DEAD_LETTER_DECISIONS
from lineagehub.contract.topics.dead_letters import DEAD_LETTERS
from lineagehub.contract.topics.marquez_forwarded import MARQUEZ_FORWARDED
from lineagehub.contract.topics.openlineage_events import OPENLINEAGE_EVENTS
from lineagehub.contract.topics.otel_logs import OTEL_LOGS
from lineagehub.contract.topics.otel_metrics import OTEL_METRICS
from lineagehub.contract.topics.otel_spans import OTEL_SPANS
from lineagehub.contract.topics.over_quota import OVER_QUOTA
from lineagehub.contract.topics.replicas import REPLICAS
from lineagehub.contract.topics.usage import USAGE
from lineagehub.contract.topics.usage_deltas import USAGE_DELTAS

TOPICS: tuple[Topic, ...] = (
    OPENLINEAGE_EVENTS,
    OTEL_SPANS,
    OTEL_METRICS,
    OTEL_LOGS,
    CONTROL,
    USAGE_DELTAS,
    USAGE,
    DEAD_LETTERS,
    DEAD_LETTER_DECISIONS,
    OVER_QUOTA,
    AUDIT,
    MARQUEZ_FORWARDED,
    REPLICAS,
    AGENT_STATES,
    ALERTS,
)

TENANT_TOPICS: tuple[Topic, ...] = (OPENLINEAGE_EVENTS, OTEL_SPANS, OTEL_METRICS, OTEL_LOGS)
"""Those that tenants may write to; below one of them a topic may be bound to one namespace (`KafkaSettings.bound_topics`)."""

SIGNALS_OF_TOPICS: dict[str, Signal] = {
    OPENLINEAGE_EVENTS.name: Signal.LINEAGE,
    OTEL_SPANS.name: Signal.TRACES,
    OTEL_METRICS.name: Signal.METRICS,
    OTEL_LOGS.name: Signal.LOGS,
}
"""What the tenant topics carry."""

__all__ = [
    "AGENT_STATES",
    "ALERTS",
    "AUDIT",
    "CONTROL",
    "DEAD_LETTERS",
    "DEAD_LETTER_DECISIONS",
    "MARQUEZ_FORWARDED",
    "OPENLINEAGE_EVENTS",
    "OTEL_LOGS",
    "OTEL_METRICS",
    "OTEL_SPANS",
    "OVER_QUOTA",
    "REPLICAS",
    "SIGNALS_OF_TOPICS",
    "TENANT_TOPICS",
    "TOPICS",
    "Topic",
    "USAGE",
    "USAGE_DELTAS",
]
