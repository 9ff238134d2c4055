"""OpenLineage events of all tenants, untouched. 9 MiB a record, because one event cannot be split."""

from __future__ import annotations

from lineagehub.contract.topics._topic import MEBIBYTE, Topic, tenant_topic_config

OPENLINEAGE_EVENTS = Topic(
    name="openlineage-events",
    key="run:{namespace}/{name} of the root, parent or own job; job:…; dataset:…",
    value="the JSON bytes of one OpenLineage event",
    producers=("web", "sdk", "OpenLineage clients"),
    consumers=("lineage-store", "marquez"),
    partitions=4,
    config=tenant_topic_config(maximum_record_bytes=9 * MEBIBYTE),
)
