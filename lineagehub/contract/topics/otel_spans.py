"""Trace requests of all tenants: what the Collector's kafkaexporter writes as otlp_proto, and what its kafkareceiver reads."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, tenant_topic_config

OTEL_SPANS = Topic(
    name="otel-spans",
    key="none (spread)",
    value="ExportTraceServiceRequest, protobuf",
    producers=("web", "sdk", "Collector"),
    consumers=("telemetry-store",),
    partitions=4,
    config=tenant_topic_config(),
)
