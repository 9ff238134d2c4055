"""A running web for tests: the real application on a free port, keys to call it with, and a reader of what it wrote."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.control import ControlWriter
from lineagehub.contract.control import NamespaceRecord, Role
from lineagehub.contract.headers import Envelope, read_headers
from lineagehub.contract.topics import CONTROL, Topic
from lineagehub.oidc_settings import OidcSettings
from lineagehub.settings import ClickHouseSettings, KafkaSettings, Settings, WebSettings
from lineagehub.web.app import Parts, create_app
from lineagehub.web.serve import listening, open_parts
from tests.support.broker import free_port
from tests.support.waiting import wait_until_async

SECRET_KEY = "a secret key of these tests, long enough"
READY_SECONDS = 20
RECORD_SECONDS = 15
BODY_TIMEOUT_SECONDS = 1.0


def settings_for(
    kafka: KafkaSettings, clickhouse_url: str = "", oidc: OidcSettings | None = None, **web: object
) -> Settings:
    """Return settings of a web on a free port; without a URL its ClickHouse is nobody."""
    return Settings(
        kafka=kafka,
        oidc=oidc or OidcSettings(),
        web=WebSettings.model_validate({"port": 0, "body_timeout_seconds": BODY_TIMEOUT_SECONDS, **web}),
        clickhouse=ClickHouseSettings(url=clickhouse_url or f"http://127.0.0.1:{free_port()}"),
        secret_key=SECRET_KEY,
    )


@dataclass
class RunningWeb:
    """One running web with a client. `keys` are API keys in clear, by role, and `stranger` of another namespace."""

    url: str
    parts: Parts
    settings: Settings
    client: aiohttp.ClientSession
    namespace: str = "team-a"
    keys: dict[str, str] = field(default_factory=dict)

    def headers(self, role: str = "writer", **others: str) -> dict[str, str]:
        """Return request headers with the key of `role`; underscores in names become dashes."""
        named = {name.replace("_", "-"): value for name, value in others.items()}
        return {"Authorization": f"Bearer {self.keys[role]}", **named}

    async def issue(self, namespace: NamespaceRecord | None, role: Role, name: str) -> None:
        """Make a key and wait until the web knows it."""
        writer = ControlWriter(self.parts.producer, self.settings.kafka.topic_name(CONTROL))
        api_key, record = issue_key(namespace, role, "test", self.parts.sealer)
        await writer.put(record)
        self.keys[name] = api_key.text

        async def known() -> bool:
            return self.parts.directory.authenticate(api_key.text) is not None

        await wait_until_async(known, READY_SECONDS, f"the key {name} to be known")


async def issue_keys(web: RunningWeb) -> None:
    """Make the namespaces team-a and team-b and the keys that tests use; and wait until an unknown key is known to be unknown."""
    writer = ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL))
    own, other = new_namespace(web.namespace), new_namespace("team-b")
    for namespace in (own, other):
        await writer.put(namespace)
    for role in (Role.OWNER, Role.WRITER, Role.READER):
        await web.issue(own, role, role.value)
    await web.issue(other, Role.OWNER, "stranger")
    await web.issue(None, Role.OPERATOR, "operator")
    assert await web.parts.control_view.wait_complete(READY_SECONDS)


@contextlib.asynccontextmanager
async def running_web(settings: Settings) -> AsyncIterator[RunningWeb]:
    """Run the web in this loop, as serve.py does."""
    async with (
        open_parts(settings) as parts,
        listening(create_app(settings, parts), settings) as url,
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(30)) as client,
    ):
        yield RunningWeb(url, parts, settings, client)


class Records:
    """Everything that stands on the tenant topics, by event id, kept up to date by a consumer."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._by_id: dict[str, list[ConsumerRecord]] = {}
        self.all: list[ConsumerRecord] = []

    async def follow(self, topics: tuple[Topic, ...]) -> None:
        """Read for ever."""
        consumer = AIOKafkaConsumer(
            **client_arguments(self._kafka), enable_auto_commit=False, auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        try:
            consumer.assign(
                [
                    TopicPartition(self._kafka.topic_name(topic), number)
                    for topic in topics
                    for number in range(topic.partitions)
                ]
            )
            while True:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self.all.append(record)
                        self._by_id.setdefault(read_headers(record.headers)[0].event_id, []).append(record)
        finally:
            await consumer.stop()

    async def of(self, event_id: str, count: int = 1) -> list[ConsumerRecord]:
        """Return the records with this event id once there are `count` of them."""

        async def there() -> bool:
            return len(self._by_id.get(event_id, [])) >= count

        await wait_until_async(there, RECORD_SECONDS, f"{count} records with the event id {event_id}")
        return self._by_id[event_id]

    async def first(self, fits: Callable[[ConsumerRecord], bool]) -> ConsumerRecord:
        """Return the first record that fits, once there is one."""

        async def there() -> bool:
            return any(map(fits, self.all))

        await wait_until_async(there, RECORD_SECONDS, "a record that fits")
        return next(filter(fits, self.all))

    async def one(self, event_id: str) -> ConsumerRecord:
        """Return the only record with this event id."""
        (record,) = await self.of(event_id)
        return record


@contextlib.asynccontextmanager
async def following(kafka: KafkaSettings, topics: tuple[Topic, ...]) -> AsyncIterator[Records]:
    """Read these topics while the block lasts."""
    records = Records(kafka)
    task = asyncio.create_task(records.follow(topics))
    try:
        yield records
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def verified(record: ConsumerRecord, web: RunningWeb) -> Envelope:
    """Return a record's envelope; fail unless the hub's own key signed exactly this record."""
    envelope, signature = read_headers(record.headers)
    expected = envelope.signature(web.parts.sealer.hub_signing_key, record.topic, record.value)
    assert hmac.compare_digest(expected, signature), "the signature fits the record"
    return envelope
