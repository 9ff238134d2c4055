"""Heartbeats of the webs: how many share each rate limit, and what they have let in.

Read whole by every web and agent at its start, so it is kept short.
"""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic

KEPT_MS = 600_000
SEGMENT_MS = 300_000
"""Only whole segments are deleted: at most a quarter of an hour's heartbeats are there to be read."""

REPLICAS = Topic(
    name="lineagehub-replicas",
    key="the replica's id, new with each start",
    value='JSON {"beat": n, "let_in": [...]}: how many it has written, and what nobody has counted yet; null: it stops',
    producers=("web",),
    consumers=("web", "agents"),
    partitions=1,
    config={"cleanup.policy": "delete", "retention.ms": str(KEPT_MS), "segment.ms": str(SEGMENT_MS)},
)
