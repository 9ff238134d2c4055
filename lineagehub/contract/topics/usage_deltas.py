"""Counts of one delivered batch, with its offset range, so that usage can be counted exactly."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, log_topic_config

USAGE_DELTAS = Topic(
    name="lineagehub-usage-deltas",
    key="namespace",
    value="JSON: day, signal, topic, partition, first and last offset, counts",
    producers=("lineage-store", "telemetry-store"),
    consumers=("quota",),
    partitions=4,
    config=log_topic_config(retention_days=7),
)
