"""How each agent process is: its lag and whether its sink is down. Written every ten seconds."""

from __future__ import annotations

from lineagehub.contract.topics._topic import Topic, compacted_topic_config

AGENT_STATES = Topic(
    name="lineagehub-agents",
    key="{agent}|{replica}",
    value="JSON: contract/agent_states.py; null when the process stopped as it was told",
    producers=("agents",),
    consumers=("alerts",),
    partitions=1,
    config=compacted_topic_config(),
)
