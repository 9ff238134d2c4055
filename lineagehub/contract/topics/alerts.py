"""Which alerts were raised, and which webhooks have them: what keeps a restart from sending one twice."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, compacted_topic_config

ALERTS = Topic(
    name="lineagehub-alerts",
    key="{namespace or _operator}|{kind}|{level}|{period}",
    value="JSON: the alert and its deliveries (contract/alerts.py); null when it is some days old",
    producers=("alerts",),
    consumers=("alerts",),
    partitions=1,
    config=compacted_topic_config(),
)
