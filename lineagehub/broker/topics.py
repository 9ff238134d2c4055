"""Topic administration: create the topics of the contract, and name every difference between a broker and the contract.

Called by `lineagehub topics apply|check`, `lineagehub up`, `lineagehub doctor` and tests. Never deletes a topic and never changes
one that exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from lineagehub.broker.connection import client_arguments
from lineagehub.contract.topics import TOPICS, Topic
from lineagehub.errors import Unavailable
from lineagehub.settings import KafkaSettings

ADMIN_TIMEOUT_SECONDS = 15.0
VISIBLE_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the broker and the contract: `aspect` is "missing", "partitions" or a configuration name."""

    topic: str
    aspect: str
    expected: str
    actual: str

    def __str__(self) -> str:
        if self.aspect == "missing":
            return f"{self.topic} is missing."
        return f"{self.topic}: {self.aspect} is {self.actual}, the contract says {self.expected}."


async def apply_topics(kafka: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Create the topics that are missing; return the names of those created. May be repeated; raises Unavailable.

    Bound topics are made like the topic that they are below. Returns once the broker names all of them: Kafka acknowledges a creation
    before its metadata show it, and a Faust worker that starts in between hangs joining its group (faust.md).
    """
    async with open_admin(kafka) as admin:
        existing = set(await admin.list_topics())
        missing = {name: topic for name, topic in _named(kafka, topics) if name not in existing}
        if not missing:
            return []
        response = await admin.create_topics(
            [
                NewTopic(name, topic.partitions, kafka.replication_factor, topic_configs=dict(topic.config))
                for name, topic in missing.items()
            ]
        )
        for name, code, *detail in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise Unavailable(
                    "kafka", f"The topic {name} could not be created: {for_code(code).__name__} {detail}."
                )
        while not set(await admin.list_topics()).issuperset(missing):  # noqa: ASYNC110 the broker gives no event
            await asyncio.sleep(VISIBLE_PAUSE_SECONDS)
        return list(missing)


async def check_topics(kafka: KafkaSettings, topics: Sequence[Topic] = TOPICS) -> list[Difference]:
    """Return every difference between the broker and the contract, in the contract's order. Raises Unavailable.

    A bound topic is compared with the topic that it is below. More partitions than the contract asks for are no difference: they are
    how a hub scales. A configuration that the broker does not report (the embedded one reports only what was set) counts as a difference.
    """
    async with open_admin(kafka) as admin:
        named = _named(kafka, topics)
        existing = set(await admin.list_topics())
        present = [name for name, _ in named if name in existing]
        partitions = {
            entry["topic"]: len(entry["partitions"])
            for entry in (await admin.describe_topics(present) if present else [])
        }
        configurations = await _describe_configurations(admin, present)
    differences: list[Difference] = []
    for name, topic in named:
        if name not in existing:
            differences.append(Difference(name, "missing", "", ""))
            continue
        if partitions.get(name, 0) < topic.partitions:
            differences.append(Difference(name, "partitions", str(topic.partitions), str(partitions.get(name, 0))))
        actual = configurations.get(name, {})
        differences += [
            Difference(name, setting, expected, actual.get(setting, "not set"))
            for setting, expected in topic.config.items()
            if actual.get(setting) != expected
        ]
    return differences


def _named(kafka: KafkaSettings, topics: Sequence[Topic]) -> list[tuple[str, Topic]]:
    """Return the names of all topics that should be on the broker, each with the topic of the contract that says how it is made."""
    return [(name, topic) for topic in topics for name in kafka.broker_topics(topic)]


@asynccontextmanager
async def open_admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client, for one task of at most 15 s; what it raises of Kafka becomes Unavailable."""
    admin = AIOKafkaAdminClient(**client_arguments(kafka), request_timeout_ms=int(ADMIN_TIMEOUT_SECONDS * 1000))
    try:
        async with asyncio.timeout(ADMIN_TIMEOUT_SECONDS):
            await admin.start()
            yield admin
    except (TimeoutError, KafkaError, OSError) as error:
        # aiokafka tells no broker that is away from one that refuses the password.
        or_refuses = (
            f", or refuses the user {kafka.sasl_username!r}" if kafka.security_protocol.startswith("SASL") else ""
        )
        raise Unavailable("kafka", f"Kafka at {kafka.brokers} does not answer{or_refuses} ({error!r}).") from error
    finally:
        await admin.close()


async def _describe_configurations(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }
