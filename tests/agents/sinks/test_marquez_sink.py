"""The Marquez sink against a strict stand-in: what is success, what is the event's fault, what passes, what is no Marquez."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from lineagehub_agents.delivery.records import Partition, SinkBatch
from lineagehub_agents.sinks.marquez import PATIENCE_SECONDS, MarquezSink

from lineagehub.contract.reasons import Reason
from lineagehub.errors import ConfigurationError, LineageHubError, Permanent, Retryable, Unavailable
from lineagehub.settings import MarquezSettings
from tests.support.broker import free_port
from tests.support.delivery import checked, record
from tests.support.marquez import HTML_500, StrictMarquez, start_strict_marquez

NAMESPACE = "analytics"
EVENT: dict[str, Any] = {
    "eventTime": "2026-01-31T12:00:00.123Z",
    "eventType": "START",
    "producer": "https://example.com/pipelines/1.0",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01941f29-7c00-7087-8940-40e5d549bbd4"},
    "job": {"namespace": "analytics", "name": "nightly.orders"},
}


def batch(*documents: Any, token: str = "one") -> SinkBatch:
    partition = Partition("openlineage-events", 0)
    records = [
        checked(record(partition, offset, document if isinstance(document, bytes) else json.dumps(document).encode()))
        for offset, document in enumerate(documents)
    ]
    return SinkBatch(token, tuple(records))


def event(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**EVENT, **changes}.items() if value is not None}


@pytest.fixture
async def marquez() -> AsyncIterator[StrictMarquez]:
    """A Marquez."""
    async with start_strict_marquez() as running:
        yield running


@pytest.fixture
async def sink(marquez: StrictMarquez) -> AsyncIterator[MarquezSink]:
    """A started sink that leads to it and has the usual patience."""
    sink = MarquezSink(MarquezSettings(url=marquez.url + "/"))
    await sink.start()
    yield sink
    await sink.close()


async def test_an_event_is_posted_and_201_is_success(sink: MarquezSink, marquez: StrictMarquez) -> None:
    await sink.send(batch(EVENT))
    assert marquez.events == [EVENT]


def test_batches_hold_one_event_because_a_duplicate_would_be_visible() -> None:
    assert MarquezSink.maximum_records == 1


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (event(producer=None), "422"),
        (b'{"job":{"namespace":"analytics","name":"x"},"run":{},"schemaURL":"x","eventTime":"y"}', "422"),
        (event(job={"namespace": "analytics", "name": ""}), "400"),
    ],
)
async def test_what_marquez_refuses_for_good_is_the_events_fault(sink: MarquezSink, document: Any, says: str) -> None:
    with pytest.raises(Permanent, match=says) as caught:
        await sink.send(batch(document))
    assert caught.value.reason is Reason.MARQUEZ_REJECTED


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=400, text=HTML_500, content_type="text/html"),
        web.Response(status=413),
        web.json_response({"errors": ["no"]}, status=422),
        web.json_response({"code": 400, "message": "Unable to process JSON"}, status=500),
    ],
    ids=["400", "413", "422", "500 with code 400"],
)
async def test_every_answer_for_good_is_permanent(
    sink: MarquezSink, marquez: StrictMarquez, answer: web.Response
) -> None:
    marquez.next_answers = [answer]
    with pytest.raises(Permanent):
        await sink.send(batch(EVENT))
    assert marquez.requests == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_every_passing_answer_is_retryable(sink: MarquezSink, marquez: StrictMarquez, status: int) -> None:
    strange = {"Content-Type": "text/html; charset=no-such"}
    marquez.next_answers = [web.Response(status=status, body=HTML_500.encode() + b"\xff", headers=strange)]
    with pytest.raises(Retryable, match=str(status)):
        await sink.send(batch(EVENT))
    await sink.send(batch(EVENT))
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


async def test_another_server_at_the_url_is_told_at_the_first_event() -> None:
    async with start_strict_marquez(web.Application()) as other:
        sink = MarquezSink(MarquezSettings(url=other.url))
        await sink.start()
        with pytest.raises(ConfigurationError, match="404"):
            await sink.send(batch(EVENT))
        await sink.close()


async def test_a_marquez_that_is_away_is_unavailable() -> None:
    sink = MarquezSink(MarquezSettings(url=f"http://127.0.0.1:{free_port()}"))
    await sink.start()
    with pytest.raises(Unavailable) as caught:
        await sink.send(batch(EVENT))
    assert caught.value.dependency == "marquez"
    await sink.close()


async def test_an_answer_that_is_endless_is_read_only_as_far_as_it_helps(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    marquez.next_answers = [web.Response(status=503, text="x" * 5_000_000)]
    with pytest.raises(Retryable) as caught:
        await sink.send(batch(EVENT))
    assert len(str(caught.value)) < 1_000


async def test_while_the_database_is_down_no_event_is_given_up(marquez: StrictMarquez) -> None:
    sink = MarquezSink(MarquezSettings(url=marquez.url), patience_seconds=0)
    await sink.start()
    marquez.database_is_down = True
    for _ in range(5):
        with pytest.raises(Retryable):
            await sink.send(batch(EVENT))
    marquez.database_is_down = False
    await sink.send(batch(EVENT))
    assert marquez.events == [EVENT]
    await sink.close()


async def test_an_event_on_which_a_healthy_marquez_keeps_failing_is_given_up(marquez: StrictMarquez) -> None:
    too_long = {"schema": {"_producer": "https://example.com", "fields": [{"name": "x" * 256}]}}
    poison = event(outputs=[{"namespace": "s3://b", "name": "t", "facets": too_long}])
    sink = MarquezSink(MarquezSettings(url=marquez.url), patience_seconds=0)
    await sink.start()
    with pytest.raises(Permanent) as caught:
        await sink.send(batch(poison))
    assert caught.value.reason is Reason.RETRIES_EXHAUSTED
    await sink.send(batch(EVENT, token="two"))
    await sink.close()


async def test_no_event_is_given_up_before_a_restart_of_the_database_can_be_over(
    sink: MarquezSink, marquez: StrictMarquez
) -> None:
    # PostgreSQL's restart was measured to show as HTML 500 for 30 to 37 s.
    assert PATIENCE_SECONDS >= 60
    marquez.next_answers = [web.Response(status=500, text=HTML_500, content_type="text/html") for _ in range(20)]
    for _ in range(20):
        with pytest.raises(Retryable):
            await sink.send(batch(EVENT))


async def test_a_success_ends_the_count_of_failures(marquez: StrictMarquez) -> None:
    sink = MarquezSink(MarquezSettings(url=marquez.url))
    await sink.start()
    marquez.next_answers = [web.Response(status=500)]
    with pytest.raises(Retryable):
        await sink.send(batch(EVENT))
    await sink.send(batch(EVENT))
    assert sink._failing_since == {}
    await sink.close()


async def test_a_sink_that_is_not_started_says_so() -> None:
    with pytest.raises(LineageHubError, match="not started"):
        await MarquezSink(MarquezSettings(url="http://127.0.0.1:1")).send(batch(EVENT))


def test_without_a_url_there_is_no_sink() -> None:
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_MARQUEZ_URL"):
        MarquezSink(MarquezSettings())


async def test_no_event_of_a_tenant_poisons_marquez_for_the_others(sink: MarquezSink, marquez: StrictMarquez) -> None:
    for namespace in ("50%", "a$b", "with space", "ümlaut", "", "x" * 1025):
        for document in (
            event(outputs=[{"namespace": namespace, "name": "t"}]),
            event(inputs=[{"namespace": namespace, "name": "t"}]),
            event(job={"namespace": namespace, "name": "j"})
            if namespace
            else event(outputs=[{"namespace": "", "name": ""}]),
            event(run=None, job=None, dataset={"namespace": namespace, "name": "t"}),
        ):
            with pytest.raises(Permanent) as caught:
                await sink.send(batch(document))
            assert caught.value.reason is Reason.MARQUEZ_REJECTED
    assert marquez.requests == 0
    assert not marquez.is_poisoned
