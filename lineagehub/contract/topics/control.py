"""Namespaces, keys and limits: the hub's own state, read whole by web and agents."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, compacted_topic_config

CONTROL = Topic(
    name="lineagehub-control",
    key="namespace:{name}, key:{kid}, limits:{name}",
    value="JSON with a revision (contract/control.py); null deletes",
    producers=("web",),
    consumers=("web", "agents"),
    partitions=1,
    config=compacted_topic_config(),
)
