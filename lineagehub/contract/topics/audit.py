"""Management actions and denials."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, log_topic_config

AUDIT = Topic(
    name="lineagehub-audit",
    key="namespace",
    value="JSON: an AuditEntry (contract/audit.py)",
    producers=("web", "agents"),
    consumers=("audit",),
    partitions=1,
    config=log_topic_config(retention_days=90),
)
