"""Absolute usage and verdict of each namespace, day and signal, with how far it is counted: the quota agent's table, too."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, compacted_topic_config

USAGE = Topic(
    name="lineagehub-usage",
    key="{namespace}|{day}|{signal}",
    value="JSON: absolute totals, how far each partition is counted, limit and verdict",
    producers=("quota",),
    consumers=("quota", "web", "agents"),
    partitions=1,
    config=compacted_topic_config(),
)
