"""One flow as it runs: Faust, a real broker, real signatures; only the sink is the test's, and knows its tokens.

Each start of a Faust app waits for the group to form (half the rebalance timeout: 1.5 to 3 s), so one app serves all tests of this
file but the last, and each test has ids of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from lineagehub_agents.app import FlowApp
from lineagehub_agents.delivery.records import Record, SinkBatch
from lineagehub_agents.flows import FLOWS, Flow, Route
from lineagehub_agents.operations import DeliveryCollector, OperationsServer
from lineagehub_agents.processors.telemetry import traces_processor

from lineagehub.broker.backlog import is_delivered
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.dead_letter import HEADER_OFFSET, HEADER_REASON, HEADER_TOPIC, is_signed
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import CONTROL, DEAD_LETTERS, OTEL_SPANS
from lineagehub.errors import Retryable
from lineagehub.settings import AgentsSettings, MarquezSettings, Settings
from tests.support.broker import EmbeddedBroker
from tests.support.proxy import Proxy, proxied_broker
from tests.support.quotas import nobody_over_quota
from tests.support.records import read_records, write_with_header_name
from tests.support.signing import Tenancy, Writer
from tests.support.waiting import wait_until_async

DEADLINE_SECONDS = 30
TOPIC = OTEL_SPANS.name
BOUND_TOPIC = f"{TOPIC}.finance"
LARGE_ENOUGH = 10_000


class TokenSink:
    """Keeps what it is given, once a token."""

    maximum_records = LARGE_ENOUGH
    is_eager = True

    def __init__(self) -> None:
        self.by_token: dict[str, list[str]] = {}
        self.namespaces: dict[str, str] = {}
        self.starts = 0
        self.is_away = False

    async def start(self) -> None:
        """See Sink."""
        self.starts += 1

    async def send(self, batch: SinkBatch) -> None:
        """See Sink."""
        if self.is_away:
            raise Retryable("the sink is away")
        event_ids = [checked.envelope.event_id for checked in batch.records]
        assert self.by_token.setdefault(batch.token, event_ids) == event_ids
        self.namespaces |= {checked.envelope.event_id: checked.envelope.namespace for checked in batch.records}

    async def close(self) -> None:
        """See Sink."""

    @property
    def deliveries(self) -> Counter[str]:
        """How often each event id was delivered."""
        return Counter(event_id for event_ids in self.by_token.values() for event_id in event_ids)


class Running:
    """A flow under test, and the hands that write to its topic."""

    def __init__(self, broker: EmbeddedBroker, proxy: Proxy, directory: Path) -> None:
        self.proxy = proxy
        self.settings = Settings(
            kafka=broker.settings(bound_topics={BOUND_TOPIC: "finance"}),
            agents=AgentsSettings(
                batch_ranges=str(directory),
                session_timeout_seconds=3,
                heartbeat_seconds=1,
                rebalance_timeout_seconds=3,
                batch_seconds=0.05,
            ),
        )
        self.tenancy = Tenancy()
        self.tenant = self.tenancy.tenant()[0]
        self.sink = TokenSink()
        self.producer = Producer(self.settings.kafka)
        self.sent: set[str] = set()
        self.app = self.new_app()

    def new_app(self) -> FlowApp:
        """Return another life of the same flow, on the same sink."""
        flow = Flow("flow-under-test", (Route(OTEL_SPANS, traces_processor, lambda *_: self.sink),))
        return FlowApp(flow, self.settings, self.tenancy.directory, self.producer, nobody_over_quota())

    async def send(self, count: int, writer: Writer | None = None) -> list[str]:
        """Write signed records; return their event ids."""
        event_ids = [uuid4().hex for _ in range(count)]
        await asyncio.gather(*(self.send_one(event_id, writer or self.tenant) for event_id in event_ids))
        self.sent |= set(event_ids)
        return event_ids

    async def send_one(self, event_id: str, writer: Writer, value: bytes = b"") -> None:
        """Write one signed record."""
        headers = writer.headers(TOPIC, value, ContentKind.TRACES, event_id, round(time.time() * 1000))
        await self.producer.send(TOPIC, value, headers=headers)

    async def wait_delivered(self, event_ids: Iterable[str]) -> None:
        """Wait until all these are in the sink, and see that each is there once."""

        async def are_there() -> bool:
            return set(event_ids) <= set(self.sink.deliveries)

        await wait_until_async(are_there, DEADLINE_SECONDS, "records to be delivered")
        assert {self.sink.deliveries[event_id] for event_id in event_ids} <= {1}

    async def dead_letters(self, count: int) -> list[Any]:
        """Return all dead letters, at least `count`."""
        topic = self.settings.kafka.topic_name(DEAD_LETTERS)
        return await read_records(self.settings.kafka, topic, count, DEADLINE_SECONDS)


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A started flow that has joined its group."""
    async with proxied_broker() as (broker, proxy):
        running = Running(broker, proxy, tmp_path_factory.mktemp("ranges"))
        await apply_topics(running.settings.kafka)
        async with running.producer:
            await running.app.start()
            await wait_until_async(lambda: _joined(running.app), DEADLINE_SECONDS, "the flow to join its group")
            yield running
            await running.app.stop()


async def _joined(app: FlowApp) -> bool:
    return app.is_ready


async def test_signed_records_are_delivered_once_each(running: Running) -> None:
    await running.wait_delivered(await running.send(300))
    await running.wait_delivered(await running.send(50, running.tenancy.hub))
    assert not running.app.has_crashed


async def test_what_is_delivered_is_committed(running: Running) -> None:
    await running.wait_delivered(await running.send(10))

    async def is_committed() -> bool:
        return await is_delivered(running.settings.kafka, running.app.flow.name, [TOPIC])

    await wait_until_async(is_committed, DEADLINE_SECONDS, "the offsets to be committed")


async def test_a_bound_topic_is_read_beside_the_contracts_and_its_unsigned_records_are_its_namespaces(
    running: Running,
) -> None:
    signed = await running.send(5)
    before = running.sink.deliveries
    await asyncio.gather(*(running.producer.send(BOUND_TOPIC, b"") for _ in range(20)))
    await running.producer.send(BOUND_TOPIC, b"\xff garbage")

    async def are_there() -> bool:
        return running.app.deliverers[BOUND_TOPIC].state.delivered == 20 and await is_delivered(
            running.settings.kafka, running.app.flow.name, [BOUND_TOPIC]
        )

    await wait_until_async(are_there, DEADLINE_SECONDS, "the bound topic's records to be delivered and committed")
    await running.wait_delivered(signed)
    unsigned = set(running.sink.deliveries) - set(before) - set(signed)
    assert len(unsigned) == 20
    assert {running.sink.namespaces[event_id] for event_id in unsigned} == {"finance"}
    assert {running.sink.namespaces[event_id] for event_id in signed} == {"analytics"}
    running.sent |= unsigned
    assert running.sink.starts == 1, "the topics of one route share its sink"
    (letter,) = [letter for letter in await running.dead_letters(1) if letter.value == b"\xff garbage"]
    assert (letter.key, reason_of(letter)) == (b"finance", Reason.INVALID_PROTOBUF)
    assert dict(letter.headers)[HEADER_TOPIC] == BOUND_TOPIC.encode()


async def test_the_topics_of_a_route_share_marquezs_lanes_and_its_metrics(running: Running) -> None:
    bound = {"openlineage-events.b": "team-b", "openlineage-events.a": "team-a", "otel-spans.a": "team-a"}
    kafka = running.settings.kafka.model_copy(update={"bound_topics": bound})
    settings = Settings(kafka=kafka, marquez=MarquezSettings(url="http://127.0.0.1:5000"))
    flow = next(flow for flow in FLOWS if flow.name == "marquez")
    app = FlowApp(flow, settings, running.tenancy.directory, running.producer, nobody_over_quota())
    try:
        assert list(app.deliverers) == ["openlineage-events", "openlineage-events.b", "openlineage-events.a"]
        assert {id(deliverer.sink) for deliverer in app.deliverers.values()} == {id(app.sinks[0])}
        # Prometheus' client refuses a second collector of the same metrics.
        view = CompactedView(kafka, CONTROL.name, running.tenancy.directory.apply)
        assert OperationsServer([app], view, settings.agents)
    finally:
        await app.stop()


async def test_what_a_bound_topic_holds_and_is_not_delivered_counts_as_behind(running: Running) -> None:
    running.sink.is_away = True
    try:
        before = set(running.sink.deliveries)
        await asyncio.gather(*(running.producer.send(BOUND_TOPIC, b"") for _ in range(7)))

        async def are_behind() -> bool:
            return running.app.records_behind(BOUND_TOPIC) == 7

        await wait_until_async(are_behind, DEADLINE_SECONDS, "the records to be counted")
        samples = {
            (sample.name, sample.labels["topic"]): sample.value
            for metric in DeliveryCollector([running.app]).collect()
            for sample in metric.samples
        }
        assert samples["lineagehub_behind_records", BOUND_TOPIC] == 7
        assert samples["lineagehub_behind_records", TOPIC] == 0
        health = running.app.topic_health()
        assert (health[BOUND_TOPIC].behind, health[TOPIC].behind) == (7, 0)
    finally:
        running.sink.is_away = False

    async def is_none_behind() -> bool:
        return running.app.records_behind(BOUND_TOPIC) == 0

    await wait_until_async(is_none_behind, DEADLINE_SECONDS, "the records to be delivered")
    running.sent |= set(running.sink.deliveries) - before


async def test_records_that_nobody_signed_go_to_the_operator_and_stop_nobody(running: Running) -> None:
    before = await running.send(5)
    # Kafka allows null header values, and aiokafka passes them on.
    others: list[tuple[str, Any]] = [("traceparent", b"00-1-1-01"), ("empty", b""), ("null", None)]
    await running.producer.send(TOPIC, b"unsigned", headers=others)
    await running.producer.send(TOPIC, None, key=b"tombstone")
    await write_with_header_name(running.settings.kafka, TOPIC, b"bad name", b"\xff\xfe")
    after = await running.send(5)
    await running.wait_delivered([*before, *after])
    by_value = {letter.value: letter for letter in await running.dead_letters(3)}
    unsigned, bad_name = by_value[b"unsigned"], by_value[b"bad name"]
    deleted = next(letter for letter in by_value.values() if reason_of(letter) is Reason.NULL_VALUE)
    assert [reason_of(letter) for letter in (unsigned, bad_name)] == [Reason.UNSIGNED, Reason.UNSIGNED]
    assert {letter.key for letter in (unsigned, bad_name, deleted)} == {OPERATOR_LANE.encode()}
    assert list(unsigned.headers)[-3:] == others
    assert dict(unsigned.headers)[HEADER_TOPIC] == TOPIC.encode()


def reason_of(letter: Any) -> Reason:
    return Reason(dict(letter.headers)[HEADER_REASON].decode())


async def test_a_tenants_garbage_goes_to_its_own_lane_with_its_place_and_its_signature(running: Running) -> None:
    await running.send_one("garbage", running.tenant, b"\xff\xff garbage")

    async def is_there() -> bool:
        return any(letter.value == b"\xff\xff garbage" for letter in await running.dead_letters(0))

    await wait_until_async(is_there, DEADLINE_SECONDS, "the dead letter")
    (letter,) = [letter for letter in await running.dead_letters(1) if letter.value == b"\xff\xff garbage"]
    assert (letter.key, reason_of(letter)) == (b"analytics", Reason.INVALID_PROTOBUF)
    assert dict(letter.headers)["lh-id"] == b"garbage"
    assert is_signed(
        running.tenancy.sealer.hub_signing_key, DEAD_LETTERS.name, letter.key, letter.headers, letter.value
    )
    counted = {
        (sample.labels["topic"], sample.labels["reason"]): sample.value
        for metric in DeliveryCollector([running.app]).collect()
        for sample in metric.samples
        if sample.name == "lineagehub_dead_letters_total"
    }
    assert counted[TOPIC, "invalid_protobuf"] == 1
    assert dict(letter.headers)[HEADER_OFFSET].isdigit()


@pytest.mark.slow
@pytest.mark.parametrize("followers", [0, 200])
async def test_records_that_faust_loses_on_their_way_are_read_again(running: Running, followers: int) -> None:
    deliverer = running.app.deliverers[TOPIC]
    deliver = deliverer.deliver
    lost: list[Record] = []

    async def lose_some(records: Iterable[Record], generation: int) -> None:
        arrived = list(records)
        if not lost:
            lost.extend(arrived)
            arrived = []
        await deliver(arrived, generation)

    deliverer.deliver = lose_some  # type: ignore[method-assign]  # Faust itself loses records only in races.
    try:
        event_ids = await running.send(20)

        async def some_are_lost() -> bool:
            return bool(lost)

        await wait_until_async(some_are_lost, DEADLINE_SECONDS, "records to be lost")
        event_ids += await running.send(followers)
        await running.wait_delivered(event_ids)
    finally:
        deliverer.deliver = deliver  # type: ignore[method-assign]  # As before.


async def test_a_sink_that_is_away_is_waited_for(running: Running) -> None:
    running.sink.is_away = True
    event_ids = await running.send(100)

    async def is_faulty() -> bool:
        return running.app.deliverers[TOPIC].state.fault != ""

    await wait_until_async(is_faulty, DEADLINE_SECONDS, "the fault to be shown")
    assert running.app.topic_health()[TOPIC].is_down
    assert not set(event_ids) & set(running.sink.deliveries)
    running.sink.is_away = False
    await running.wait_delivered(event_ids)


async def test_a_broker_that_is_away_for_a_while_costs_nothing(running: Running) -> None:
    before = await running.send(50)
    await running.proxy.cut()
    await running.proxy.restore()

    async def can_send() -> bool:
        try:
            before.extend(await running.send(1))
        except Retryable:
            return False
        return True

    await wait_until_async(can_send, DEADLINE_SECONDS, "the producer to find the broker")
    await running.wait_delivered([*before, *await running.send(50)])
    assert not running.app.has_crashed


async def test_another_life_of_the_flow_goes_on_where_the_first_one_stopped(running: Running) -> None:
    await running.wait_delivered(running.sent)
    await running.app.stop()
    waiting = await running.send(100)
    running.app = running.new_app()
    await running.app.start()
    await running.wait_delivered(waiting)
    assert set(running.sink.deliveries) == running.sent
    assert set(running.sink.deliveries.values()) == {1}
