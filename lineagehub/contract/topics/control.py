"""Namespaces, keys and limits: the hub's own state, read whole by web and agents."""

from __future__ import annotations

from lineagehub.contract.topics._topic import DAY_MS, Topic, compacted_topic_config

UNCOMPACTED_MS = DAY_MS
"""Of two changes at once the one that lost may stand last; seconds later what is in force is written behind it. Compaction must not come
in between, or it would leave the wrong one only (contract/control.py)."""

CONTROL = Topic(
    name="lineagehub-control",
    key="namespace:{name}, key:{kid}, limits:{name}, webhooks:{name}",
    value="JSON with a revision (contract/control.py); null forgets",
    producers=("web",),
    consumers=("web", "agents"),
    partitions=1,
    config=compacted_topic_config() | {"min.compaction.lag.ms": str(UNCOMPACTED_MS)},
)
