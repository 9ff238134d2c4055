"""How Faust is wired: one Faust app a flow, one Faust agent a topic, raw bytes in. With kafka_transport.py, all that knows Faust.

The pattern (faust.md, proved with kill -9 x 5 on 20,000 records): one agent instance, `noack_take`, nothing ever raised out
of the agent, because Faust acknowledges in `finally` and would lose the batch; what delivery cannot handle ends the process.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from faust.streams import Stream
from faust.types import EventT, StreamT

from lineagehub.auth.directory import Directory
from lineagehub.broker.connection import tls_context
from lineagehub.broker.producer import Producer
from lineagehub.contract.topics import DEAD_LETTERS, OVER_QUOTA, USAGE_DELTAS
from lineagehub.quota.daily import DailyQuota
from lineagehub.settings import AgentsSettings, KafkaSettings, Settings
from lineagehub_agents.agent import TopicHealth
from lineagehub_agents.delivery.dead_letters import DeadLetters
from lineagehub_agents.delivery.deliverer import BatchLimits, Deliverer
from lineagehub_agents.delivery.intake import REST, Intake
from lineagehub_agents.delivery.metering import Metering
from lineagehub_agents.delivery.ranges import CommitRanges, FileRanges, Ranges
from lineagehub_agents.delivery.records import Partition, Record, Sink
from lineagehub_agents.delivery.usage import KafkaMetering, UsageTopics
from lineagehub_agents.flows import Flow, Route
from lineagehub_agents.kafka_transport import Transport
from lineagehub_agents.processors.verification import Verifier

log = structlog.get_logger(__name__)

EXIT_MUST_NOT_GO_ON = 70
STREAM_BUFFER_RECORDS = 4_096
"""Records that wait in memory between consumer and agent; a full buffer pauses the partition."""
METADATA_AGE_MS = 30_000
"""A bound topic made after its agents joined, or a partition added, is read after so long. aiokafka's default is five minutes."""

TAKE_RECORDS = 1_000
"""So many records read are handed on before `batch_seconds` are over."""


class FlowApp:
    """One running flow: its Faust app, its sinks (one a route) and its deliverers.

    `deliverers` has one for each route, by the topic's name in the contract, and one for each topic bound below a route's, by its own
    name. They share the route's sink.
    """

    def __init__(
        self, flow: Flow, settings: Settings, directory: Directory, producer: Producer, quota: DailyQuota
    ) -> None:
        self.flow = flow
        self._producer = producer
        self._quota = quota
        self._settings = settings
        self._scratch = tempfile.TemporaryDirectory(prefix=f"lineagehub-{flow.name}-")
        self._app = _new_app(flow.name, settings.kafka, settings.agents, self._scratch.name)
        self._transport = Transport(self._app.conf.broker_consumer, self._app)
        self._transport.commit_delivered = self._commit_delivered
        self._app.transport = self._transport
        self._joined = False
        self._app.on_partitions_assigned.connect(self._note_assignment)
        ranges = _ranges(flow.name, settings.agents, self._transport)
        dead_letters = DeadLetters(
            producer, settings.kafka.topic_name(DEAD_LETTERS), flow.name, directory.hub_signing_key
        )
        verifier = Verifier(directory, settings.kafka, settings.audit.retention_days)
        self.sinks: list[Sink] = []
        self.deliverers: dict[str, Deliverer] = {}
        for route in flow.routes:
            sink = route.sink(settings, directory)
            self.sinks.append(sink)
            for topic in (route.topic.name, *settings.kafka.broker_topics(route.topic)[1:]):
                self.deliverers[topic] = self._new_deliverer(sink, route, verifier, ranges, dead_letters)
                self._add_agent(topic)

    async def start(self) -> None:
        """Start the sinks and join the consumer group. Returns once Faust has started; see `is_ready`."""
        for sink in self.sinks:
            await sink.start()
        await self._app.start()

    async def stop(self) -> None:
        """Commit what is delivered, leave the group, close the sinks. What is not delivered stays on Kafka."""
        await self._app.stop()
        for sink in self.sinks:
            await sink.close()
        self._scratch.cleanup()

    @property
    def name(self) -> str:
        """See Agent."""
        return self.flow.name

    @property
    def is_ready(self) -> bool:
        """Whether this member is in its group, outside a rebalance."""
        return self._joined and not self._app.rebalancing

    @property
    def has_crashed(self) -> bool:
        """Whether Faust gave up: it then neither works nor exits by itself."""
        return bool(self._app.crashed)

    @property
    def fault(self) -> str:
        """What fails at present, or an empty text."""
        return "; ".join(deliverer.state.fault for deliverer in self.deliverers.values() if deliverer.state.fault)

    def topic_health(self) -> Mapping[str, TopicHealth]:
        """See Agent."""
        return {
            topic: TopicHealth(self.records_behind(topic), bool(deliverer.state.fault))
            for topic, deliverer in self.deliverers.items()
        }

    def records_behind(self, topic: str) -> int:
        """Return how many records of our partitions of a topic (named as in `deliverers`) are on Kafka and not delivered."""
        if not self._joined:
            return 0
        ends = self._transport.ends(self._broker_name(topic))
        delivered = self.deliverers[topic].delivered_to(self._transport.generation)
        return sum(max(0, ends[partition] - offset) for partition, offset in delivered.items() if partition in ends)

    def _broker_name(self, topic: str) -> str:
        return self._settings.kafka.topic_names.get(topic, topic)

    def _new_deliverer(
        self, sink: Sink, route: Route, verifier: Verifier, ranges: Ranges, dead_letters: DeadLetters
    ) -> Deliverer:
        agents = self._settings.agents
        return Deliverer(
            group=self._transport,
            ranges=ranges,
            sink=sink,
            processor=route.processor(verifier),
            dead_letters=dead_letters,
            limits=BatchLimits(agents.batch_records, agents.batch_bytes, agents.batch_rows, agents.stuck_after_seconds),
            metering=self._metering(route),
        )

    def _metering(self, route: Route) -> Metering | None:
        if route.metered is None:
            return None
        kafka = self._settings.kafka
        topics = UsageTopics(kafka.topic_name(USAGE_DELTAS), kafka.topic_name(OVER_QUOTA))
        return KafkaMetering(route.metered, self._producer, topics, self._quota, self.flow.name)

    def _add_agent(self, topic: str) -> None:
        agents = self._settings.agents
        deliverer = self.deliverers[topic]
        source = self._app.topic(
            self._broker_name(topic),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

        async def deliver_stream(stream: StreamT[bytes]) -> None:
            intake = Intake(
                deliverer, agents.batch_records, agents.batch_bytes, rest=0.0 if deliverer.sink.is_eager else REST
            )
            # `noack_take` is not in Faust's interface StreamT, and gives events, whatever its annotation says.
            taken = cast("Stream[EventT[bytes]]", stream).noack_take(TAKE_RECORDS, within=agents.batch_seconds)
            async with asyncio.TaskGroup() as tasks:
                delivering = tasks.create_task(intake.deliver_for_ever())
                async for events in taken:
                    generation = self._transport.generation
                    records = [_to_record(event) for event in events if event.message.generation_id == generation]
                    await intake.take_in(records, generation, backlog=len(events) == TAKE_RECORDS)
                delivering.cancel()

        self._app.agent(source, name=f"{self.flow.name}:{topic}", concurrency=1)(_exit_on_error(deliver_stream))

    async def _note_assignment(self, *_: Any, **__: Any) -> None:
        self._joined = True

    async def _commit_delivered(self) -> None:
        for topic, deliverer in self.deliverers.items():
            await deliverer.commit()
            handed_on = self._transport.handed_on(self._broker_name(topic))
            await deliverer.read_lost_again(handed_on, self._transport.generation)


def _new_app(name: str, kafka: KafkaSettings, agents: AgentsSettings, scratch: str) -> faust.App:
    optional: dict[str, Any] = {}
    if agents.replica_id:
        optional["consumer_group_instance_id"] = f"{name}-{agents.replica_id}"
    credentials = _credentials(kafka)
    if credentials is not None:
        optional["broker_credentials"] = credentials
    return faust.App(
        name,
        broker=";".join(f"kafka://{server.strip()}" for server in kafka.brokers.split(",")),
        datadir=scratch,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=STREAM_BUFFER_RECORDS,
        broker_commit_interval=1.0,
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        broker_session_timeout=float(agents.session_timeout_seconds),
        broker_heartbeat_interval=float(agents.heartbeat_seconds),
        broker_rebalance_timeout=float(agents.rebalance_timeout_seconds),
        consumer_auto_offset_reset="earliest",
        **optional,
    )


def _credentials(kafka: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    context = tls_context(kafka) if kafka.security_protocol.endswith("SSL") else None
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=kafka.sasl_mechanism,
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value(),
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context is not None else None


def _ranges(name: str, agents: AgentsSettings, transport: Transport) -> Ranges:
    if agents.batch_ranges == "kafka":
        return CommitRanges(transport)
    return FileRanges(Path(agents.batch_ranges) / name, transport)


def _to_record(event: EventT[bytes]) -> Record:
    message = event.message
    return Record(
        partition=Partition(message.topic, message.partition),
        offset=message.offset,
        timestamp_ms=round(message.timestamp * 1000),
        key=message.key,
        value=message.value,
        headers=tuple(cast("Iterable[tuple[str, bytes]]", message.headers or ())),
    )


Body = Callable[[StreamT[bytes]], Awaitable[None]]


def _exit_on_error(body: Body) -> Body:
    async def guarded(stream: StreamT[bytes]) -> None:
        try:
            await body(stream)
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.critical(
                "Delivery cannot go on; the process exits and Kafka redelivers.",
                exit_code=EXIT_MUST_NOT_GO_ON,
                exc_info=True,
            )
            os._exit(EXIT_MUST_NOT_GO_ON)

    return guarded
