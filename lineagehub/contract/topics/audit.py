"""Management actions and denials, signed by the hub: an entry that it did not sign is a dead letter."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, log_topic_config

AUDIT = Topic(
    name="lineagehub-audit",
    key="namespace",
    value="JSON: an AuditEntry (contract/audit.py)",
    producers=("web", "commands"),
    consumers=("audit",),
    partitions=1,
    config=log_topic_config(retention_days=90),
)
