"""Topic administration on a real broker: the contract's topics come into being once, and every difference is named."""

from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest

from lineagehub.broker.topics import Difference, apply_topics, check_topics
from lineagehub.contract.topics import CONTROL, OTEL_SPANS, TOPICS
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, free_port


@pytest.fixture
def renamed(broker: EmbeddedBroker) -> KafkaSettings:
    """Settings under which the contract's topics have names of this test's own."""
    suffix = uuid4().hex[:8]
    return broker.settings(topic_names={topic.name: f"{topic.name}-{suffix}" for topic in TOPICS})


async def test_apply_creates_what_is_missing_and_may_be_repeated(renamed: KafkaSettings) -> None:
    assert await apply_topics(renamed) == [renamed.topic_name(topic) for topic in TOPICS]
    assert await apply_topics(renamed) == []


async def test_check_finds_no_difference_after_apply(renamed: KafkaSettings) -> None:
    await apply_topics(renamed)
    assert await check_topics(renamed) == []


async def test_check_names_each_missing_topic(renamed: KafkaSettings) -> None:
    await apply_topics(renamed, [CONTROL])
    missing = [renamed.topic_name(topic) for topic in TOPICS if topic is not CONTROL]
    differences = await check_topics(renamed)
    assert [(difference.topic, difference.aspect) for difference in differences] == [
        (name, "missing") for name in missing
    ]
    assert str(differences[0]) == f"{missing[0]} is missing."


async def test_apply_creates_only_what_is_missing(renamed: KafkaSettings) -> None:
    await apply_topics(renamed, [CONTROL])
    assert renamed.topic_name(CONTROL) not in await apply_topics(renamed)


async def test_bound_topics_are_made_and_compared_like_the_topic_that_they_are_below(renamed: KafkaSettings) -> None:
    above = renamed.topic_name(OTEL_SPANS)
    first, second = f"{above}.team-a", f"{above}.team-b"
    one = renamed.model_copy(update={"bound_topics": {first: "team-a"}})
    both = renamed.model_copy(update={"bound_topics": {first: "team-a", second: "team-b"}})
    assert await apply_topics(one, [OTEL_SPANS, CONTROL]) == [above, first, renamed.topic_name(CONTROL)]
    assert await check_topics(one, [OTEL_SPANS]) == []
    assert await check_topics(both, [OTEL_SPANS]) == [Difference(second, "missing", "", "")]
    made = dataclasses.replace(OTEL_SPANS, config={**OTEL_SPANS.config, "compression.type": "producer"})
    assert await apply_topics(both, [made]) == [second]
    assert await check_topics(both, [OTEL_SPANS]) == [
        Difference(second, "compression.type", "uncompressed", "producer")
    ]


async def test_check_names_each_setting_that_differs_and_too_few_partitions(renamed: KafkaSettings) -> None:
    made = dataclasses.replace(
        OTEL_SPANS, partitions=2, config={**OTEL_SPANS.config, "compression.type": "producer", "retention.ms": "1000"}
    )
    await apply_topics(renamed, [made])
    name = renamed.topic_name(OTEL_SPANS)
    assert await check_topics(renamed, [OTEL_SPANS]) == [
        Difference(name, "partitions", "4", "2"),
        Difference(name, "retention.ms", OTEL_SPANS.config["retention.ms"], "1000"),
        Difference(name, "compression.type", "uncompressed", "producer"),
    ]


async def test_a_setting_that_the_broker_does_not_report_is_a_difference(renamed: KafkaSettings) -> None:
    bare = dataclasses.replace(OTEL_SPANS, config={})
    await apply_topics(renamed, [bare])
    aspects = [difference.aspect for difference in await check_topics(renamed, [OTEL_SPANS])]
    assert aspects == list(OTEL_SPANS.config)


async def test_more_partitions_than_asked_for_are_no_difference(renamed: KafkaSettings) -> None:
    await apply_topics(renamed, [dataclasses.replace(OTEL_SPANS, partitions=8)])
    assert await check_topics(renamed, [OTEL_SPANS]) == []


async def test_a_difference_says_what_is_and_what_should_be() -> None:
    difference = Difference("otel-spans", "compression.type", "uncompressed", "producer")
    assert str(difference) == "otel-spans: compression.type is producer, the contract says uncompressed."


@pytest.mark.parametrize("ask", [apply_topics, check_topics], ids=["apply", "check"])
async def test_a_broker_that_is_away_is_said_to_be_away(ask: object) -> None:
    away = KafkaSettings.model_validate({"brokers": f"127.0.0.1:{free_port()}"})
    assert callable(ask)
    with pytest.raises(Unavailable) as caught:
        await ask(away)
    assert caught.value.dependency == "kafka"
    assert away.brokers in str(caught.value)
