"""Records that can never be delivered, whole, with the reason; signed by the hub: only so a re-drive believes whose they are."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, log_topic_config

DEAD_LETTERS = Topic(
    name="lineagehub-dead-letters",
    key="namespace, or _operator when nobody proved who wrote it",
    value="the original bytes; headers: contract/dead_letter.py",
    producers=("agents",),
    consumers=("dead-letters",),
    partitions=4,
    config=log_topic_config(retention_days=30),
)
