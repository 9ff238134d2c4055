"""What became of dead letters: claimed by a re-drive, re-driven, dropped. Signed by the hub, as the letters are."""

from __future__ import annotations

from lineagehub.contract.topics._topic import MEBIBYTE, Topic, log_topic_config

DEAD_LETTER_DECISIONS = Topic(
    name="lineagehub-dead-letter-decisions",
    key="namespace, or _operator",
    value="JSON: a Decision (contract/dead_letter_decision.py)",
    producers=("web", "commands"),
    consumers=("dead-letters",),
    partitions=1,
    config=log_topic_config(retention_days=30, maximum_record_bytes=MEBIBYTE),
)
