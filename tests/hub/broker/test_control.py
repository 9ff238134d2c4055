"""Writes of the control topic, where the directory of every process finds them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.control import Role
from lineagehub.contract.topics import CONTROL
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker
from tests.support.waiting import wait_until_async

SEALER = Sealer("s" * 32)


@pytest.fixture
def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Settings with a control topic of this test's own."""
    return broker.settings(topic_names={CONTROL.name: f"control-{uuid4().hex[:8]}"})


async def test_a_written_key_opens_its_namespace_in_every_process_that_follows(kafka: KafkaSettings) -> None:
    await apply_topics(kafka, [CONTROL])
    directory = Directory(SEALER)
    view = CompactedView(kafka, kafka.topic_name(CONTROL), directory.apply)
    namespace = new_namespace("analytics")
    api_key, record = issue_key(namespace, Role.WRITER, "dev", SEALER)
    await view.start()
    try:
        async with Producer(kafka) as producer:
            writer = ControlWriter(producer, kafka.topic_name(CONTROL))
            await writer.put(namespace)
            await writer.put(record)

            async def is_known() -> bool:
                return directory.authenticate(api_key.text) is not None

            await wait_until_async(is_known, 20, "the key to be known")
    finally:
        await view.stop()
