"""Absolute usage and verdict of each namespace, day and signal."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, compacted_topic_config

USAGE = Topic(
    name="lineagehub-usage",
    key="{namespace}|{day}|{signal}",
    value="JSON: absolute totals and verdict",
    producers=("quota",),
    consumers=("web", "agents"),
    partitions=1,
    config=compacted_topic_config(),
)
