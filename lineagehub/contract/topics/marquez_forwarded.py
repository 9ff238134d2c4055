"""Which events Marquez has: the forward-once table of the marquez agent, whole in its memory. A duplicate would be visible there."""

from __future__ import annotations

from lineagehub.contract.topics._topic import MEBIBYTE, Topic, log_topic_config

MARQUEZ_FORWARDED = Topic(
    name="lineagehub-marquez-forwarded",
    key="{namespace}|{event id}",
    value="JSON: sending or forwarded, when, and the end of its run",
    producers=("marquez",),
    consumers=("marquez",),
    partitions=1,
    config=log_topic_config(retention_days=8, maximum_record_bytes=MEBIBYTE),
)
