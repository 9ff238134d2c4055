"""A batch that is damaged on the broker's disk (bad-input H09): its agent stops and says so; what is before it is delivered, and what is
behind it, once an operator has skipped it. On Apache Kafka only: the embedded broker keeps nothing on disk.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from lineagehub.broker.topics import open_admin
from lineagehub.contract.dead_letter import HEADER_OFFSET, HEADER_TOPIC
from lineagehub.contract.topics import DEAD_LETTERS
from tests.support.attacks import producer
from tests.support.hub import clean_environment
from tests.support.records import read_records
from tests.support.secured_hub import SecuredHub
from tests.support.waiting import wait_until_async

TOPIC = "damaged-events"
STOP_SECONDS = 90
DELIVERED_SECONDS = 60


def _start_agent(secured: SecuredHub, log: Path) -> subprocess.Popen[bytes]:
    """Start the one agent that the hub does not run, so that the group is this test's alone."""
    settings = {
        "LINEAGEHUB_SECRET_KEY": secured.secret_key,
        "LINEAGEHUB_MARQUEZ_URL": "http://127.0.0.1:1",
        "LINEAGEHUB_KAFKA_TOPIC_NAMES": json.dumps({"openlineage-events": TOPIC}),
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "lineagehub", "agent", "marquez"],
            env=clean_environment() | secured.kafka.environment() | settings,
            stdout=output,
            stderr=output,
        )


async def _dead_offsets(secured: SecuredHub) -> list[int]:
    letters = await read_records(secured.kafka.settings(), DEAD_LETTERS.name, 0)
    ours = [
        headers for headers in (dict(letter.headers) for letter in letters) if headers[HEADER_TOPIC] == TOPIC.encode()
    ]
    return sorted(int(headers[HEADER_OFFSET]) for headers in ours)


async def test_a_batch_that_is_damaged_on_disk_stops_its_agent_until_an_operator_skips_it(
    secured: SecuredHub, tmp_path: Path
) -> None:
    async with open_admin(secured.kafka.settings()) as admin:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    async with producer(secured.kafka.settings()) as writing:
        for value in (b"before", b"damaged", b"behind"):
            await writing.send_and_wait(TOPIC, value)
    segment = secured.kafka.directory / "data" / f"{TOPIC}-0" / f"{0:020}.log"
    with segment.open("r+b") as file:
        file.seek(segment.read_bytes().index(b"damaged"))
        file.write(b"D")

    log = tmp_path / "agent.log"
    agent = _start_agent(secured, log)
    try:
        assert await asyncio.to_thread(agent.wait, STOP_SECONDS) == 70, log.read_text()[-2000:]
    finally:
        agent.kill()
        agent.wait()
    assert "Corrupt" in log.read_text()
    assert await _dead_offsets(secured) == [0]

    async with open_admin(secured.kafka.settings()) as admin:
        await admin.delete_records({TopicPartition(TOPIC, 0): RecordsToDelete(before_offset=2)})
    agent = _start_agent(secured, log)
    try:

        async def goes_on() -> bool:
            return await _dead_offsets(secured) == [0, 2]

        await wait_until_async(goes_on, DELIVERED_SECONDS, "what is behind to be delivered")
    finally:
        agent.kill()
        agent.wait()
