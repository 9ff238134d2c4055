"""Waits until dead letters and decisions that were written before are readable. Used by re-drives and drops, which rest on both."""

from __future__ import annotations

from lineagehub.broker.backlog import wait_caught_up
from lineagehub.contract.topics import DEAD_LETTER_DECISIONS, DEAD_LETTERS
from lineagehub.errors import Retryable
from lineagehub.settings import KafkaSettings

AGENT = "dead-letters"
CATCH_UP_SECONDS = 8.0
RETRY_AFTER_SECONDS = 5.0


class LettersBehind(Retryable):
    """Not all dead letters and decisions are readable yet, or not all that was sent again is delivered."""

    def __init__(self, agent: str, so_far: str) -> None:
        super().__init__(f"The agent {agent} is behind; is it running? {so_far}", RETRY_AFTER_SECONDS)


async def wait_readable(kafka: KafkaSettings, so_far: str) -> None:
    """Return when all is readable that was acknowledged before. Raises LettersBehind, which says what was done `so_far`; Unavailable."""
    topics = [kafka.topic_name(topic) for topic in (DEAD_LETTERS, DEAD_LETTER_DECISIONS)]
    if not await wait_caught_up(kafka, AGENT, topics, CATCH_UP_SECONDS):
        raise LettersBehind(AGENT, so_far)
