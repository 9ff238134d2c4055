"""Log requests of all tenants, as the Collector's kafkaexporter writes them."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, tenant_topic_config

OTEL_LOGS = Topic(
    name="otel-logs",
    key="none (spread)",
    value="ExportLogsServiceRequest, protobuf",
    producers=("web", "sdk", "Collector"),
    consumers=("telemetry-store",),
    partitions=4,
    config=tenant_topic_config(),
)
