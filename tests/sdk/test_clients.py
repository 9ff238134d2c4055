"""The clients and a hub that is away, refuses, is silent, or is none at all: each a specific APIError, and nothing lost in silence."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk import APIError, BatchingLineageClient, LineageEvent, LineageHubClient, LineageHubConfig
from lineagehub_sdk.transports.memory import MemoryTransport

from tests.sdk.answering import answering, black_hole, nobody
from tests.sdk.conftest import HubDouble, Scripted
from tests.support.hub import clean_environment
from tests.support.waiting import wait_until_async

AT_ONCE: dict[str, Any] = {"retry_attempts": 0, "timeout": 0.3}


def _event(name: str, kind: str = "START") -> dict[str, Any]:
    return {"eventType": kind, "job": {"namespace": "n", "name": name}}


def _config(url: str, **more: Any) -> LineageHubConfig:
    return LineageHubConfig(hub_endpoint=url, **{**AT_ONCE, **more})


async def _until(condition: Callable[[], bool], message: str) -> None:
    async def holds() -> bool:
        return condition()

    await wait_until_async(holds, 10, message)


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason", "transient", "says"),
    [
        (200, b"<html>Welcome</html>", {}, "no_hub", True, "none of a hub's"),
        (200, b'{"accepted": 0, "errors": []}', {}, "no_hub", True, "none of a hub's"),
        (200, b"[]", {}, "no_hub", True, "none of a hub's"),
        (301, b"", {"Location": "http://elsewhere"}, "no_hub", True, "redirects are not followed"),
        (401, b'{"reason": "unauthenticated", "detail": "No key."}', {}, "unauthenticated", False, "No key."),
        (
            403,
            b'{"reason": "namespace_mismatch", "detail": "Not yours."}',
            {},
            "namespace_mismatch",
            False,
            "Not yours.",
        ),
        (413, b'{"reason": "payload_too_large", "detail": "Big."}', {}, "payload_too_large", False, "Big."),
        (
            429,
            b'{"reason": "rate_limited", "detail": "Slower."}',
            {"Retry_After": "7"},
            "rate_limited",
            True,
            "Slower.",
        ),
        (502, b"<html>Bad gateway</html>", {}, "no_hub", True, "Bad gateway"),
        (503, b'{"reason": "unavailable", "detail": "Later."}', {"Retry_After": "1"}, "unavailable", True, "Later."),
    ],
)
async def test_what_is_no_receipt_is_an_error_that_says_why(
    status: int, body: bytes, headers: dict[str, str], reason: str, transient: bool, says: str
) -> None:
    with answering(status, body, **headers) as server:
        async with LineageHubClient(config=_config(server.url, api_key="key")) as client:
            with pytest.raises(APIError, match=says) as raised:
                await client.send_lineage_events([_event("a")])
    error = raised.value
    assert (error.status, error.status_code, error.reason, error.is_transient) == (status, status, reason, transient)
    assert error.retry_after_seconds == (float(headers["Retry_After"]) if "Retry_After" in headers else None)
    assert server.keys == ["Bearer key"]


async def test_a_hub_that_is_away_or_silent_is_unreachable_in_each_call() -> None:
    with black_hole() as hole:
        for url in (nobody(), hole):
            async with LineageHubClient(config=_config(url)) as client:
                calls = (client.health_check(), client.list_namespaces(), client.send_lineage_events([_event("a")]))
                for call in calls:
                    with pytest.raises(APIError, match="Is LINEAGEHUB_URL right, and the hub up") as raised:
                        await call
                    assert (raised.value.status, raised.value.reason) == (0, "unreachable")


async def test_what_cannot_be_taken_now_is_sent_again_as_often_as_configured(hub_double: HubDouble) -> None:
    hub_double.answers = [Scripted(503), Scripted(429)]
    async with LineageHubClient(config=_config(hub_double.url, retry_attempts=2, retry_delay=0.01)) as client:
        receipt = await client.send_lineage_events([_event("a")])
        assert (receipt.accepted, receipt.rejected, receipt.namespace) == (1, 0, "demo")
        hub_double.answers = [Scripted(503)] * 3
        with pytest.raises(APIError) as raised:
            await client.send_lineage_events([_event("a")])
    assert raised.value.status == 503
    assert hub_double.asked == 6


async def test_a_long_pause_is_for_the_caller_to_decide(hub_double: HubDouble) -> None:
    hub_double.answers = [Scripted(429, {"Retry-After": "3600"})]
    async with LineageHubClient(config=_config(hub_double.url, retry_attempts=5)) as client:
        with pytest.raises(APIError) as raised:
            await client.send_lineage_events([_event("a")])
    assert raised.value.retry_after_seconds == 3600
    assert hub_double.asked == 1


async def test_rejections_have_the_place_of_their_event_over_all_requests(hub_double: HubDouble) -> None:
    events = [_event("invalid" if index in (1, 1_500) else f"job {index}") for index in range(1_600)]
    async with LineageHubClient(config=_config(hub_double.url, timeout=10)) as client:
        receipt = await client.send_lineage_events(events, source="test")
        assert [rejection.index for rejection in receipt.errors] == [1, 1_500]
        assert str(receipt.errors[0]) == "events[1]: schema_invalid: The event is wrong."
        assert (receipt.accepted, receipt.rejected) == (1_598, 2)
        assert (await client.send_lineage_events([])).accepted == 0
    assert [len(body["events"]) for _, body in hub_double.requests] == [1_000, 600]
    assert {body["source"] for _, body in hub_double.requests} == {"test"}


async def test_calls_at_once_have_a_connection_each_and_later_ones_use_them_again(hub_double: HubDouble) -> None:
    async with LineageHubClient(config=_config(hub_double.url, timeout=10)) as client:
        await asyncio.gather(*(client.send_lineage_events([_event(str(number))]) for number in range(5)))
        used = hub_double.connections
        for number in range(5, 10):
            await client.send_lineage_events([_event(str(number))])
    assert used <= 5
    assert hub_double.connections == used
    assert sorted(hub_double.names) == sorted(str(number) for number in range(10))


async def test_a_connection_that_the_hub_closed_meanwhile_is_no_failure(hub_double: HubDouble) -> None:
    hub_double.closes_silently = True
    async with LineageHubClient(config=_config(hub_double.url)) as client:
        for number in range(3):
            await client.send_lineage_events([_event(str(number))])
    assert hub_double.names == ["0", "1", "2"]


@pytest.mark.parametrize("url", ["", "hub:8080", "ftp://hub", "http://[::1"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(APIError, match="LINEAGEHUB_URL") as raised:
        LineageHubClient(base_url=url)
    assert raised.value.reason == "configuration"


async def test_an_event_that_is_no_json_is_the_callers_error(hub_double: HubDouble) -> None:
    async with LineageHubClient(config=_config(hub_double.url)) as client:
        with pytest.raises(TypeError):
            await client.send_lineage_events([{"eventType": object()}])
        with pytest.raises(ValueError, match="JSON"):
            await client.send_lineage_events([{"eventType": float("nan")}])
    assert hub_double.asked == 0


@pytest.mark.parametrize("held", [{"dry_run": True}, {"disabled": True}, {"send": False}])
async def test_what_is_held_back_counts_as_taken_and_asks_nobody(hub_double: HubDouble, held: dict[str, Any]) -> None:
    async with LineageHubClient(config=_config(hub_double.url, **held)) as client:
        assert (await client.send_lineage_events([_event("a")])).accepted == 1
        assert (await client.send_telemetry_data(traces=[{}], metrics=[{}, {}])).metrics_accepted == 2
    assert hub_double.asked == 0


async def test_a_batch_goes_when_it_is_full_and_the_rest_at_the_interval(hub_double: HubDouble) -> None:
    async with BatchingLineageClient(LineageHubClient(hub_double.url), batch_size=3, flush_interval=0.05) as batching:
        for number in range(4):
            await batching.add_event(_event(str(number)))
        assert hub_double.names[:3] == ["0", "1", "2"]
        await _until(lambda: batching.accepted == 4, "the answer to the fourth event")
        assert (batching.rejected, batching.pending) == (0, 0)
    assert [len(body["events"]) for _, body in hub_double.requests] == [3, 1]


async def test_a_hub_that_is_away_for_a_while_costs_no_event_and_delays_no_caller(hub_double: HubDouble) -> None:
    hub_double.answers = [Scripted(503)]
    batching = BatchingLineageClient(LineageHubClient(config=_config(hub_double.url)), 2, 60, auto_start=False)
    for number in range(6):
        await batching.add_event(_event(str(number)))
    assert hub_double.asked == 1, "only the first full batch asks: the hub is known to be away then"
    assert batching.pending == 6
    assert await batching.flush() == 0
    assert hub_double.names == [str(number) for number in range(6)]
    assert await batching.stop() == 0


async def test_what_is_left_at_stop_is_said_and_goes_to_the_background_client(caplog: pytest.LogCaptureFixture) -> None:
    config = _config(nobody(), transport="memory", flush_interval=0.0)
    MemoryTransport.events.clear()
    batching = BatchingLineageClient(LineageHubClient(config=config), batch_size=100, flush_interval=60)
    for number in range(7):
        await batching.add_event(_event(str(number)))
    assert await batching.stop() == 7
    await batching.add_event(_event("late"))
    assert "7 events were not sent when stop() was called" in caplog.text
    assert await asyncio.to_thread(sdk.flush, 10)
    assert [event["job"]["name"] for event in MemoryTransport.events] == [*map(str, range(7)), "late"]


async def test_stop_takes_no_longer_than_flush_timeout_with_a_hub_that_never_answers() -> None:
    with black_hole() as hole:
        config = _config(hole, transport="memory", timeout=5, flush_timeout=0.1)
        batching = BatchingLineageClient(LineageHubClient(config=config), auto_start=False)
        await batching.add_event(_event("a"))
        async with asyncio.timeout(4):
            assert await batching.stop() == 1


async def test_a_refused_event_costs_no_other_and_is_counted(
    hub_double: HubDouble, caplog: pytest.LogCaptureFixture
) -> None:
    batching = BatchingLineageClient(LineageHubClient(hub_double.url), auto_start=False)
    for name in ("a", "invalid", "b"):
        await batching.add_event(_event(name))
    assert await batching.stop() == 0
    assert (batching.accepted, batching.rejected) == (2, 1)
    assert "schema_invalid" in caplog.text


async def test_more_than_the_queue_holds_goes_to_the_background_client() -> None:
    MemoryTransport.events.clear()
    config = _config(nobody(), transport="memory", queue_size=2, flush_interval=0.0)
    batching = BatchingLineageClient(LineageHubClient(config=config), auto_start=False)
    for number in range(3):
        await batching.add_event(_event(str(number)))
    assert batching.pending == 2
    assert await asyncio.to_thread(sdk.flush, 10)
    assert [event["job"]["name"] for event in MemoryTransport.events] == ["2"]
    assert await batching.stop() == 2


def test_a_batching_client_may_be_made_before_there_is_a_loop(hub_double: HubDouble) -> None:
    batching = BatchingLineageClient(LineageHubClient(hub_double.url), flush_interval=0.01)

    async def use() -> None:
        await batching.add_event(_event("a"))
        await _until(lambda: hub_double.names == ["a"], "the event")
        await batching.stop()

    asyncio.run(use())


def test_an_event_that_stop_was_never_called_for_is_sent_all_the_same(hub_double: HubDouble) -> None:
    script = (
        "import asyncio, lineagehub_sdk as sdk\n"
        "async def main():\n"
        "    await sdk.BatchingLineageClient().add_event({'job': {'namespace': 'n', 'name': 'forgotten'}})\n"
        "asyncio.run(main())\n"
    )
    environment = clean_environment() | {"LINEAGEHUB_URL": hub_double.url}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert hub_double.names == ["forgotten"]
    assert "1 events were not sent when the loop ended" in result.stderr


def test_a_lineage_event_has_what_openlineage_asks_for() -> None:
    event = LineageEvent("START", {"runId": "r"}, {"namespace": "n", "name": "j"})
    document = event.to_dict()
    assert json.loads(json.dumps(document)) == document == event.model_dump()
    assert {"eventType", "eventTime", "run", "job", "producer", "schemaURL"} == set(document)


def test_the_names_of_the_clients_are_there_and_cost_nothing_until_used() -> None:
    script = (
        "import sys, lineagehub_sdk as s; assert 'asyncio' not in sys.modules; s.LineageHubClient; s.TelemetryClient"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=clean_environment(), timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        sdk.Nonsense  # noqa: B018 looking is the test
