"""The topics of the contract: one list, complete, and configured as the guarantees need."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from lineagehub.contract import topics
from lineagehub.contract.topics import (
    AGENT_STATES,
    ALERTS,
    CONTROL,
    DEAD_LETTERS,
    OVER_QUOTA,
    REPLICAS,
    TENANT_TOPICS,
    TOPICS,
    USAGE,
    Topic,
)
from lineagehub.contract.topics._topic import DAY_MS, MEBIBYTE


def test_every_topic_file_is_in_the_one_list_and_nothing_else_is() -> None:
    files = [module.name for module in pkgutil.iter_modules(topics.__path__) if not module.name.startswith("_")]
    modules = [importlib.import_module(f"{topics.__name__}.{name}") for name in files]
    defined = [value for module in modules for value in vars(module).values() if isinstance(value, Topic)]
    assert sorted(topic.name for topic in defined) == sorted(topic.name for topic in TOPICS)


def test_names_are_unique_and_legal_on_kafka() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    for name in names:
        # Kafka takes '.' and '_' in one cluster's names as the same in metrics; we use neither.
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert len(name) <= 249


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_says_who_writes_it_who_reads_it_and_how_it_is_made(topic: Topic) -> None:
    assert topic.producers
    assert topic.consumers
    assert topic.key
    assert topic.value
    assert topic.partitions >= 1
    assert topic.config["cleanup.policy"] in {"compact", "delete"}
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in topic.config.items())


@pytest.mark.parametrize("topic", TENANT_TOPICS, ids=lambda topic: topic.name)
def test_the_broker_refuses_compression_bombs_and_forged_timestamps_on_tenant_topics(topic: Topic) -> None:
    assert topic.config["compression.type"] == "uncompressed"
    assert topic.config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(
    "topic", [topic for topic in TOPICS if not topic.compacted and topic is not REPLICAS], ids=lambda topic: topic.name
)
def test_logs_are_kept_for_seven_days_at_least_but_heartbeats(topic: Topic) -> None:
    assert int(topic.config["retention.ms"]) >= 7 * DAY_MS


def test_state_topics_are_compacted_and_have_one_order() -> None:
    assert {topic for topic in TOPICS if topic.compacted} == {CONTROL, USAGE, AGENT_STATES, ALERTS}
    assert CONTROL.partitions == 1


def test_topics_can_be_compared_and_put_in_sets() -> None:
    assert len(set(TOPICS)) == len(TOPICS)


def test_a_dead_letter_takes_the_largest_tenant_record_with_its_headers() -> None:
    largest = max(int(topic.config["max.message.bytes"]) for topic in TENANT_TOPICS)
    for copies in (DEAD_LETTERS, OVER_QUOTA):
        assert int(copies.config["max.message.bytes"]) >= largest + MEBIBYTE // 2
