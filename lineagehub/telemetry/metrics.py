"""The metric catalogue of the web: every metric, its unit and its labels, in one place.

Names are `lineagehub_<what>_<unit>[_total]`. Labels are bounded: routes of the endpoint list, reasons of the closed
vocabularies, topics of the contract; never a namespace, a job or anything else that a client writes. One instance per
application, no global registry.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All metrics of one web process. Recording never blocks and never raises."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        # Finding the child of labels takes a lock and 2 us each time; labels are few, so the children are kept.
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._produced: dict[str, tuple[Counter, Counter]] = {}
        self.registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self.http_requests = Counter(
            "lineagehub_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.http_request_seconds = Histogram(
            "lineagehub_http_request_duration_seconds",
            "From the request's headers to the answer's.",
            ["method", "route"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.refusals = Counter(
            "lineagehub_http_refusals_total",
            "Requests answered with a problem.",
            ["reason"],
            registry=registry,
        )
        self.unexpected_errors = Counter(
            "lineagehub_unexpected_errors_total",
            "Faults of the hub itself, answered 503. Look for them in the log.",
            registry=registry,
        )
        self.unaudited_denials = Counter(
            "lineagehub_unaudited_denials_total",
            "Denials that the audit log does not have: too many kinds at once, or Kafka was away.",
            registry=registry,
        )
        self.in_flight_bytes = Gauge(
            "lineagehub_http_bodies_in_flight_bytes",
            "Request bodies in memory, decoded size included.",
            registry=registry,
        )
        self.produced_records = Counter(
            "lineagehub_produced_records_total",
            "Records that the broker acknowledged.",
            ["topic"],
            registry=registry,
        )
        self.produced_bytes = Counter(
            "lineagehub_produced_bytes_total",
            "Values of the records that the broker acknowledged.",
            ["topic"],
            registry=registry,
        )
        self.rejected_items = Counter(
            "lineagehub_rejected_items_total",
            "Events and spans refused one by one inside accepted requests.",
            ["signal", "reason"],
            registry=registry,
        )
        self.replicas = Gauge(
            "lineagehub_web_replicas",
            "Webs that this one has heard of lately, itself included: its share of every rate limit is one of so many.",
            registry=registry,
        )
        self.dependency_up = Gauge(
            "lineagehub_dependency_up",
            "1 while the dependency answered the last readiness check.",
            ["dependency"],
            registry=registry,
        )

    def count_answer(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record one answered request."""
        labels = (method, route, status)
        if labels not in self._answered:
            durations = self.http_request_seconds.labels(method, route)
            self._answered[labels] = (self.http_requests.labels(*labels), durations)
        requests, durations = self._answered[labels]
        requests.inc()
        durations.observe(seconds)

    def count_produced(self, topic: str, value_bytes: int) -> None:
        """Record one record that the broker acknowledged."""
        if topic not in self._produced:
            self._produced[topic] = (self.produced_records.labels(topic), self.produced_bytes.labels(topic))
        records, size = self._produced[topic]
        records.inc()
        size.inc(value_bytes)

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self.registry)
