"""The Marquez sink on a real broker against a strict stand-in: what is success, the event's fault, what passes, what is no Marquez."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from lineagehub_agents.delivery.records import Partition, SinkBatch, SomeRefused
from lineagehub_agents.sinks.marquez.sink import ATTEMPTS, PATIENCE_SECONDS, MarquezSink

from lineagehub.broker.producer import Producer
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import MARQUEZ_FORWARDED
from lineagehub.errors import ConfigurationError, LineageHubError, Permanent, Retryable, Unavailable
from lineagehub.settings import KafkaSettings, MarquezSettings, Settings
from tests.support.broker import free_port
from tests.support.delivery import checked, record
from tests.support.marquez import HTML_500, StrictMarquez, start_strict_marquez
from tests.support.waiting import wait_until_async

TOPIC = "openlineage-events"
EVENT: dict[str, Any] = {
    "eventTime": "2026-01-31T12:00:00.123Z",
    "eventType": "START",
    "producer": "https://example.com/pipelines/1.0",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01941f29-7c00-7087-8940-40e5d549bbd4"},
    "job": {"namespace": "analytics", "name": "nightly.orders"},
}
ORDERS = {"namespace": "s3://b", "name": "orders"}
SALES = {"namespace": "s3://b", "name": "sales"}


def event(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**EVENT, **changes}.items() if value is not None}


def run_event(kind: str, second: int, run: str, job: str = "j", **changes: Any) -> dict[str, Any]:
    return event(
        eventType=kind,
        eventTime=f"2026-01-31T12:00:{second:02d}Z",
        run={"runId": run},
        job={"namespace": "analytics", "name": job},
        **changes,
    )


def batch(*documents: Any, ids: list[str] | None = None, partition: int = 0) -> SinkBatch:
    """Return a batch of new events; `ids` names them, so that they may be those of another batch."""
    where = Partition(TOPIC, partition)
    records = []
    for offset, document in enumerate(documents):
        value = document if isinstance(document, bytes) else json.dumps(document).encode()
        name = ids[offset] if ids else uuid4().hex
        records.append(checked(record(where, offset, value), event_id=name))
    return SinkBatch(uuid4().hex, tuple(records))


NewSink = Callable[..., Any]


@pytest.fixture
async def new_sink(kafka: KafkaSettings, marquez: StrictMarquez) -> AsyncIterator[NewSink]:
    """Makes started sinks that lead to the Marquez; each is another life of the agent."""
    async with AsyncExitStack() as stack:

        async def make(url: str = "", admin_url: str | None = None, lanes: int = 8, **patience: float) -> MarquezSink:
            admin = marquez.admin_url if admin_url is None else admin_url
            settings = Settings(
                kafka=kafka, marquez=MarquezSettings(url=url or f"{marquez.url}/", admin_url=admin, lanes=lanes)
            )
            sink = MarquezSink(settings, **patience)
            await sink.start()
            stack.push_async_callback(sink.close)
            return sink

        yield make


@pytest.fixture
async def sink(new_sink: NewSink) -> MarquezSink:
    """A started sink that has the usual patience."""
    made: MarquezSink = await new_sink()
    return made


async def refusal(sink: MarquezSink, of: SinkBatch) -> Permanent:
    with pytest.raises(SomeRefused) as caught:
        await sink.send(of)
    assert len(caught.value.refusals) == 1
    return caught.value.refusals[0][1]


async def test_an_event_is_posted_and_201_is_success(sink: MarquezSink, marquez: StrictMarquez) -> None:
    await sink.send(batch(EVENT))
    assert marquez.events == [EVENT]


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=400, text=HTML_500, content_type="text/html"),
        lambda: web.Response(status=413),
        lambda: web.json_response({"errors": ["no"]}, status=422),
        lambda: web.json_response({"code": 400, "message": "Unable to process JSON"}, status=500),
    ],
    ids=["400", "413", "422", "500 with code 400"],
)
async def test_every_answer_for_good_is_the_events_fault_and_its_neighbours_are_taken(
    sink: MarquezSink, marquez: StrictMarquez, answer: Callable[[], web.Response]
) -> None:
    marquez.next_answers = [answer()]
    caught = await refusal(sink, batch(EVENT, run_event("START", 1, str(uuid4()))))
    assert caught.reason is Reason.MARQUEZ_REJECTED
    assert (marquez.requests, len(marquez.events)) == (2, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_every_passing_answer_is_retryable(sink: MarquezSink, marquez: StrictMarquez, status: int) -> None:
    strange = {"Content-Type": "text/html; charset=no-such"}
    marquez.next_answers = [web.Response(status=status, body=HTML_500.encode() + b"\xff", headers=strange)]
    sent = batch(EVENT)
    with pytest.raises(Retryable, match=str(status)):
        await sink.send(sent)
    await sink.send(sent)
    assert marquez.events == [EVENT]


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 403, 404, 405, 406, 415])
async def test_any_other_answer_means_that_the_url_is_no_marquez(
    sink: MarquezSink, marquez: StrictMarquez, status: int
) -> None:
    marquez.next_answers = [web.Response(status=status, headers={"Location": "/api/v1/lineage"})]
    with pytest.raises(ConfigurationError, match=str(status)) as caught:
        await sink.send(batch(EVENT))
    assert "LINEAGEHUB_MARQUEZ_URL" in caught.value.next_step
    assert marquez.requests == 1, "a redirect is not followed"


async def test_another_server_at_the_url_is_told_before_a_whole_batch_went_there(new_sink: NewSink) -> None:
    asked = 0

    async def refuse(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=404)

    other = web.Application()
    other.router.add_route("*", "/{path:.*}", refuse)
    async with start_strict_marquez(other) as served:
        sink = await new_sink(served.url, lanes=2)
        with pytest.raises(ConfigurationError, match="404"):
            await sink.send(batch(*(run_event("START", 1, str(uuid4()), job=f"j{number}") for number in range(50))))
    assert asked <= 4


async def test_a_marquez_that_is_away_is_unavailable_and_not_asked_for_each_event(new_sink: NewSink) -> None:
    sink = await new_sink(f"http://127.0.0.1:{free_port()}", admin_url="", lanes=1)
    sent = batch(*(run_event("START", 1, str(uuid4()), job=f"j{number}") for number in range(50)))
    with pytest.raises(Unavailable) as caught:
        await sink.send(sent)
    assert caught.value.dependency == "marquez"
    assert sink.metrics.attempts == 1


async def test_an_answer_that_is_endless_is_read_only_as_far_as_it_helps(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    marquez.next_answers = [web.Response(status=503, text="x" * 5_000_000)]
    with pytest.raises(Retryable) as caught:
        await sink.send(batch(EVENT))
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("with_admin_port", [True, False])
async def test_while_the_database_is_down_no_event_is_given_up(
    new_sink: NewSink, marquez: StrictMarquez, with_admin_port: bool
) -> None:
    sink = await new_sink(admin_url=None if with_admin_port else "", patience_seconds=0)
    marquez.database_is_down = True
    sent = batch(EVENT)
    for _ in range(ATTEMPTS + 2):
        with pytest.raises(Unavailable):
            await sink.send(sent)
    marquez.database_is_down = False
    await sink.send(sent)
    assert marquez.events == [EVENT]


async def test_an_admin_port_that_does_not_answer_is_done_without(new_sink: NewSink, marquez: StrictMarquez) -> None:
    sink = await new_sink(admin_url=f"http://127.0.0.1:{free_port()}", patience_seconds=0)
    marquez.next_answers = [web.Response(status=500)]
    assert (await refusal(sink, batch(EVENT))).reason is Reason.RETRIES_EXHAUSTED


async def test_an_event_on_which_marquez_fails_is_given_up_soon_while_it_takes_others(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    # All the while patience is the usual minute.
    bad = batch(EVENT, partition=0)
    for number in range(ATTEMPTS - 1):
        marquez.next_answers = [web.Response(status=500, text=HTML_500, content_type="text/html")]
        with pytest.raises(Retryable):
            await sink.send(bad)
        await sink.send(batch(run_event("START", number, str(uuid4())), partition=1))
    marquez.next_answers = [web.Response(status=500, text=HTML_500, content_type="text/html")]
    assert (await refusal(sink, bad)).reason is Reason.RETRIES_EXHAUSTED


async def test_no_event_is_given_up_before_a_restart_of_the_database_can_be_over(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    # PostgreSQL's restart was measured to show as HTML 500 for 30 to 37 s.
    assert PATIENCE_SECONDS >= 60
    marquez.next_answers = [web.Response(status=500, text=HTML_500, content_type="text/html") for _ in range(20)]
    sent = batch(EVENT)
    for _ in range(20):
        with pytest.raises(Retryable):
            await sink.send(sent)


async def test_a_sink_that_is_not_started_says_so(kafka: KafkaSettings) -> None:
    with pytest.raises(LineageHubError, match="not started"):
        await MarquezSink(Settings(kafka=kafka, marquez=MarquezSettings(url="http://127.0.0.1:1"))).send(batch(EVENT))


def test_without_a_url_there_is_no_sink() -> None:
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_MARQUEZ_URL"):
        MarquezSink(Settings())


async def test_a_broker_that_is_away_stops_forwarding_before_anything_is_sent(marquez: StrictMarquez) -> None:
    kafka = KafkaSettings(brokers=f"127.0.0.1:{free_port()}", acknowledge_timeout_seconds=0.5)
    sink = MarquezSink(Settings(kafka=kafka, marquez=MarquezSettings(url=marquez.url)))
    await sink.start()
    with pytest.raises(Unavailable) as caught:
        await sink.send(batch(EVENT))
    assert caught.value.dependency == "kafka"
    assert marquez.requests == 0
    await sink.close()


async def test_the_events_of_a_run_go_one_after_another_in_event_order_and_jobs_side_by_side(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    sink = await new_sink(lanes=3)
    marquez.seconds_an_event = 0.01
    runs = {f"job-{number}": str(uuid4()) for number in range(6)}
    documents = [
        run_event(kind, second, run, job=job)
        for kind, second in (("COMPLETE", 9), ("RUNNING", 5), ("START", 1))
        for job, run in runs.items()
    ]
    await sink.send(batch(*documents))
    assert len(marquez.events) == len(documents), "simultaneous posts of one run would have been refused"
    for job in runs:
        kinds = [sent["eventType"] for sent in marquez.events if sent["job"]["name"] == job]
        assert kinds == ["START", "RUNNING", "COMPLETE"]
    assert marquez.busiest == 3, "as many at once as there are lanes"


async def test_a_long_chain_does_not_keep_a_short_one_waiting(new_sink: NewSink, marquez: StrictMarquez) -> None:
    sink = await new_sink(lanes=1)
    long = [run_event("START", second, str(uuid4()), job="long") for second in range(20)]
    await sink.send(batch(*long, run_event("START", 0, str(uuid4()), job="short")))
    assert [sent["job"]["name"] for sent in marquez.events].index("short") <= 2


async def test_a_run_stays_in_one_chain_though_only_its_start_names_the_parent(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    sink = await new_sink()
    marquez.seconds_an_event = 0.01
    run = str(uuid4())
    parent = {
        "_producer": "https://example.com",
        "_schemaURL": "https://example.com",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": "analytics", "name": "dag"},
    }
    start = run_event("START", 1, run)
    start["run"]["facets"] = {"parent": parent}
    await sink.send(batch(start, run_event("COMPLETE", 2, run)))
    assert [sent["eventType"] for sent in marquez.events] == ["START", "COMPLETE"]


async def test_events_of_a_run_that_lie_in_two_partitions_are_not_sent_at_once(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    marquez.seconds_an_event = 0.05
    run = str(uuid4())
    await asyncio.gather(
        sink.send(batch(run_event("COMPLETE", 9, run), partition=1)),
        sink.send(batch(run_event("START", 1, run), partition=2)),
    )
    assert (marquez.requests, marquez.runs[run].state) == (2, "COMPLETED")


async def test_an_event_that_its_producer_repeats_is_sent_once(sink: MarquezSink, marquez: StrictMarquez) -> None:
    ids = [uuid4().hex]
    await sink.send(batch(EVENT, EVENT, ids=ids * 2))
    await sink.send(batch(EVENT, ids=ids, partition=3))
    assert marquez.events == [EVENT]
    assert sink.metrics.repeated == 2


async def test_another_life_of_the_agent_knows_what_was_forwarded_and_how_runs_ended(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    run = str(uuid4())
    sent = batch(run_event("COMPLETE", 9, run, outputs=[SALES]))
    await (await new_sink()).send(sent)
    after_crash = await new_sink()
    await after_crash.send(sent)
    assert len(marquez.events) == 1
    await after_crash.send(batch(run_event("START", 1, run, inputs=[ORDERS])))
    assert marquez.runs[run].state == "COMPLETED"


async def test_a_late_start_adds_what_it_knows_and_undoes_nothing(sink: MarquezSink, marquez: StrictMarquez) -> None:
    run = str(uuid4())
    await sink.send(batch(run_event("COMPLETE", 9, run, outputs=[SALES])))
    await sink.send(batch(run_event("START", 1, run, inputs=[ORDERS])))
    await sink.send(batch(run_event("RUNNING", 5, run)))
    job = marquez.jobs["analytics", "j"]
    assert marquez.runs[run].state == "COMPLETED"
    assert (job.inputs, job.outputs) == ({("s3://b", "orders")}, {("s3://b", "sales")})
    assert len(marquez.events) == 3, "nothing is sent twice for it"
    late = marquez.events[1]
    assert (late["eventType"], late["eventTime"]) == ("COMPLETE", "2026-01-31T12:00:09Z")
    was = late["run"]["facets"]["lineagehub_late"]
    assert (was["eventType"], was["eventTime"]) == ("START", "2026-01-31T12:00:01Z")


async def test_of_several_ends_the_later_one_counts_whatever_comes_last(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    run = str(uuid4())
    await sink.send(batch(run_event("COMPLETE", 9, run)))
    await sink.send(batch(run_event("FAIL", 5, run)))
    assert marquez.runs[run].state == "COMPLETED"
    await sink.send(batch(run_event("FAIL", 10, run)))
    assert marquez.runs[run].state == "FAILED"


async def test_an_event_whose_answer_was_lost_is_found_in_marquez_and_not_sent_again(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    marquez.losing_answers = 1
    sent = batch(EVENT)
    with pytest.raises(Unavailable):
        await sink.send(sent)
    await sink.send(sent)
    assert (len(marquez.events), sink.metrics.found_there) == (1, 1)


async def test_an_event_that_a_killed_worker_may_have_sent_is_waited_for_then_sent(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    first, sent = await new_sink(), batch(EVENT)
    marquez.next_answers = [web.Response(status=503)]
    with pytest.raises(Unavailable):
        await first.send(sent)
    patient = await new_sink()
    with pytest.raises(Retryable, match="on its way") as caught:
        await patient.send(sent)
    assert 0 < (caught.value.retry_after_seconds or 0) <= 10
    assert marquez.events == []
    impatient = await new_sink(settle_seconds=0)
    await impatient.send(sent)
    assert marquez.events == [EVENT]


async def test_an_event_that_never_left_is_sent_as_soon_as_marquez_is_back(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    sent = batch(EVENT)
    await marquez.stop()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await sink.send(sent)
    await marquez.start()
    await sink.send(sent)
    assert marquez.events == [EVENT]
    assert marquez.reads == 0, "there is nothing to ask for"


async def test_an_event_whose_row_is_there_but_not_its_state_is_sent_again(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    run = str(uuid4())
    sink = await new_sink(settle_seconds=0)
    marquez.losing_answers = 1
    sent = batch(run_event("COMPLETE", 9, run))
    with pytest.raises(Unavailable):
        await sink.send(sent)
    marquez.runs[run].state = "RUNNING"
    await sink.send(sent)
    assert marquez.runs[run].state == "COMPLETED"


async def test_what_is_refused_is_not_sent_again_while_the_rest_of_the_batch_is_retried(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    marquez.next_answers = [web.json_response({"errors": []}, status=422), web.Response(status=500)]
    sent = batch(run_event("START", 1, str(uuid4()), job="bad"), run_event("START", 1, str(uuid4()), job="late"))
    with pytest.raises(Retryable):
        await sink.send(sent)
    assert (await refusal(sink, sent)).reason is Reason.MARQUEZ_REJECTED
    assert [sent["job"]["name"] for sent in marquez.events] == ["late"]
    assert marquez.requests == 3


async def test_a_refused_event_may_come_again_after_it_was_redriven(sink: MarquezSink, marquez: StrictMarquez) -> None:
    ids = [uuid4().hex]
    marquez.next_answers = [web.json_response({"errors": []}, status=422)]
    await refusal(sink, batch(EVENT, ids=ids))
    await sink.send(batch(EVENT, ids=ids))
    assert marquez.events == [EVENT]


async def test_workers_killed_at_any_moment_lose_nothing_and_double_nothing(
    new_sink: NewSink, marquez: StrictMarquez
) -> None:
    marquez.seconds_an_event = 0.01
    runs = [str(uuid4()) for _ in range(48)]
    batches = [
        batch(
            *(
                run_event(kind, second, run, job=f"job-{number % 5}")
                for kind, second in (("COMPLETE", 9), ("START", 1), ("RUNNING", 5))
                for number, run in enumerate(runs[partition::3])
            ),
            partition=partition,
        )
        for partition in range(3)
    ]
    expected = 3 * len(runs)

    async def send_all(sink: MarquezSink) -> None:
        await asyncio.gather(*(sink.send(sent) for sent in batches))

    for killed_at in range(10, expected, 22):
        sending = asyncio.create_task(send_all(await new_sink(settle_seconds=0)))

        async def is_far_enough(at: int = killed_at, task: asyncio.Task[None] = sending) -> bool:
            return len(marquez.events) >= at or task.done()

        await wait_until_async(is_far_enough, 20, f"{killed_at} events")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

        async def is_idle() -> bool:
            return marquez.busy == 0

        # With this, settling needs no seconds: what the dead worker had sent has arrived.
        await wait_until_async(is_idle, 20, "what was sent to arrive")
    await send_all(await new_sink(settle_seconds=0))
    sent = Counter((event["run"]["runId"], event["eventType"]) for event in marquez.events)
    assert set(sent.values()) == {1}
    assert len(sent) == expected
    assert {marquez.runs[run].state for run in runs} == {"COMPLETED"}


async def test_a_record_of_the_table_that_is_none_does_not_stop_it(
    kafka: KafkaSettings, new_sink: NewSink, marquez: StrictMarquez
) -> None:
    async with Producer(kafka) as producer:
        for value in (b"no json", b"[]", b"{}", b'{"by":"x"}'):
            await producer.send(MARQUEZ_FORWARDED.name, value, key=b"analytics|x")
        await producer.send(MARQUEZ_FORWARDED.name, None, key=b"analytics|unknown")
    await (await new_sink()).send(batch(EVENT))
    assert marquez.events == [EVENT]


async def test_the_metrics_tell_what_waits_what_was_mended_and_what_was_refused(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    def shown() -> dict[tuple[str, str], float]:
        samples = [sample for metric in sink.collect() for sample in metric.samples]
        return {(sample.name, next(iter(sample.labels.values()), "")): sample.value for sample in samples}

    marquez.next_answers = [web.Response(status=503)]
    sent = batch(event(eventType=None), event(job={"namespace": "analytics", "name": " "}))
    with pytest.raises(Retryable):
        await sink.send(sent)
    waiting = shown()
    assert waiting["lineagehub_marquez_unsent_events", ""] >= 1
    age = time.time() - sent.records[0].record.timestamp_ms / 1000
    assert waiting["lineagehub_marquez_behind_seconds", ""] == pytest.approx(age, abs=5)
    await refusal(sink, sent)
    done = shown()
    assert done["lineagehub_marquez_unsent_events", ""] == done["lineagehub_marquez_behind_seconds", ""] == 0
    assert done["lineagehub_marquez_forwarded_events_total", ""] == 1
    assert done["lineagehub_marquez_repairs_total", "event_type"] == 1
    assert done["lineagehub_marquez_refused_events_total", "marquez_unfit"] == 1
    assert done["lineagehub_marquez_lanes_busy", ""] == 0
