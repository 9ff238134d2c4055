"""A bound topic that is made after its agents have joined their group: Kafka names it later, and then it is read from its beginning.

On Apache Kafka only: the embedded broker makes a topic as soon as somebody asks for it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics, check_topics
from lineagehub.contract.dead_letter import HEADER_TOPIC
from lineagehub.contract.topics import DEAD_LETTERS
from lineagehub.settings import KafkaSettings
from tests.support.hub import clean_environment
from tests.support.kafka import kafka_or_skip
from tests.support.records import read_records

LATE = "openlineage-events.late"
READ_SECONDS = 90
"""Three times what the agent may take to hear of the topic."""


@contextlib.contextmanager
def _agent(kafka: KafkaSettings) -> Iterator[None]:
    environment = clean_environment() | {
        "LINEAGEHUB_SECRET_KEY": "a secret key of the tests, long enough",
        "LINEAGEHUB_KAFKA_BROKERS": kafka.brokers,
        "LINEAGEHUB_KAFKA_BOUND_TOPICS": json.dumps(kafka.bound_topics),
    }
    command = [sys.executable, "-m", "lineagehub", "agent", "lineage-store", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline(), f"the agent ended with {process.wait(10)}"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_a_bound_topic_that_is_made_late_is_read_by_the_agents_that_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with kafka_or_skip(tmp_path_factory.mktemp("kafka")) as broker:
        kafka = KafkaSettings(brokers=broker.bootstrap, bound_topics={LATE: "team-a"})
        await apply_topics(KafkaSettings(brokers=broker.bootstrap))
        assert [str(difference) for difference in await check_topics(kafka)] == [f"{LATE} is missing."]
        with _agent(kafka):
            assert await apply_topics(kafka) == [LATE]
            async with Producer(kafka) as producer:
                for number in range(8):
                    await producer.send(LATE, b"no JSON", key=str(number).encode())
            letters = await read_records(kafka, DEAD_LETTERS.name, 8, READ_SECONDS)
    assert {(letter.key, dict(letter.headers)[HEADER_TOPIC]) for letter in letters} == {(b"team-a", LATE.encode())}
    assert len(letters) == 8
