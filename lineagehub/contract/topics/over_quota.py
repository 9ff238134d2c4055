"""Records that came straight to Kafka when their namespace was over its quota; re-drivable."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, log_topic_config

OVER_QUOTA = Topic(
    name="lineagehub-over-quota",
    key="namespace",
    value="the original record; headers: where it lay; and claims of re-drives",
    producers=("agents", "re-drive"),
    consumers=("re-drive",),
    partitions=4,
    config=log_topic_config(retention_days=7),
)
