"""Rate limits over HTTP: on every route that takes data in or reads, in its own answers and headers. The limits' clock is the test's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.contract.limits import LARGEST, Limits
from lineagehub.web.endpoints import ENDPOINTS
from tests.hub.web.limiting import LimitedWeb, Reply, limited_web
from tests.hub.web.running import RunningWeb, settings_for
from tests.hub.web.samples import run_event, trace_json, trace_request
from tests.support.clickhouse import start_migrated_clickhouse

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON, PROTOBUF = "application/json", "application/x-protobuf"
GIVEN_RATE = '"rps";q=10;w=1'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LimitedWeb]:
    """A web with a ClickHouse to read from."""
    with start_migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        async with limited_web(settings_for(web.settings.kafka, server.url)) as running:
            yield running


def events(count: int) -> list[dict[str, Any]]:
    """Return so many valid events."""
    return [run_event() for _ in range(count)]


def hub_spans(count: int) -> list[dict[str, Any]]:
    """Return spans in the hub's own JSON."""
    ids = {"traceId": "1" * 32, "spanId": "2" * 16, "operationName": "a"}
    return [{**ids, "startTime": 1_760_000_000_000 + number, "duration": 5} for number in range(count)]


def points(count: int) -> bytes:
    """Return data points of one metric."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="rows")
    for number in range(count):
        metric.gauge.data_points.add(time_unix_nano=1_760_000_000_000_000_000 + number, as_int=number)
    return request.SerializeToString()


def logs(count: int) -> bytes:
    """Return log records."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number in range(count):
        scope.log_records.add(time_unix_nano=1_760_000_000_000_000_000 + number)
    return request.SerializeToString()


@dataclass(frozen=True)
class Route:
    """One route that takes data in: how a body of so many items is made, and what it answers. `largest`: items in one body."""

    path: str
    content_type: str
    body: Callable[[int], bytes]
    taken: int
    throttled: int
    largest: int = 1_000

    @property
    def says_how_long(self) -> bool:
        """Whether a 429 has Retry-After: clients of OpenLineage would sleep so long within a pipeline's call."""
        return self.path not in ("/api/v1/lineage", "/api/v1/lineage/batch")


ROUTES = [
    Route("/api/v1/lineage", JSON, lambda count: orjson.dumps(events(count)[0]), 201, 503, largest=1),
    Route("/api/v1/lineage/batch", JSON, lambda count: orjson.dumps(events(count)), 204, 503),
    Route("/api/v1/lineage/ingest", JSON, lambda count: orjson.dumps({"events": events(count)}), 200, 429),
    Route("/v1/traces", PROTOBUF, lambda count: trace_request(count).SerializeToString(), 200, 503),
    Route("/v1/traces", JSON, lambda count: orjson.dumps(trace_json(count)), 200, 503),
    Route("/v1/metrics", PROTOBUF, points, 200, 503),
    Route("/v1/logs", PROTOBUF, logs, 200, 503),
    Route("/api/v1/telemetry/ingest", JSON, lambda count: orjson.dumps({"traces": hub_spans(count)}), 200, 429),
]
every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.path} {route.content_type}")
many_route = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.largest > 1], ids=lambda route: f"{route.path} {route.content_type}"
)


def said(reply: Reply) -> str:
    """Return what a refusal says: the detail of a problem, the message of google.rpc.Status."""
    if reply.headers["Content-Type"].startswith(PROTOBUF):
        return reply.body.decode(errors="replace")
    document = json.loads(reply.body)
    return f"{document['reason']}: {document['detail']}" if "reason" in document else str(document["message"])


async def test_these_are_all_routes_that_take_data_in() -> None:
    limited = {endpoint.path for endpoint in ENDPOINTS if endpoint.traffic == "ingest"}
    assert limited == {route.path for route in ROUTES}


@every_route
async def test_above_the_rate_a_route_answers_what_its_clients_send_again_and_takes_it_after_retry_after(
    limited: LimitedWeb, route: Route
) -> None:
    tenant = await limited.tenant(requests_per_second=10, burst=15)

    async def send() -> Reply:
        return await tenant.send("POST", route.path, route.body(1), Content_Type=route.content_type)

    for number in range(15):
        reply = await send()
        assert (reply.status, reply.policy) == (route.taken, GIVEN_RATE), reply
        assert reply.remaining == 14 - number
    assert reply.rate == '"rps";r=0;t=2', "full after 1.5 s"
    refused = await send()
    assert (refused.status, refused.headers["Retry-After"]) == (route.throttled, "1")
    assert "rate_limited" in said(refused)
    assert "requests_per_second of 10" in said(refused)
    assert (refused.policy, refused.remaining) == (GIVEN_RATE, 0)
    assert "RateLimit" in (await tenant.send("POST", route.path, b"{", Content_Type=route.content_type)).headers
    limited.now += 1.0
    again = await send()
    assert (again.status, again.remaining) == (route.taken, 9)


@many_route
async def test_the_items_of_a_batch_are_charged_and_a_batch_above_the_burst_is_413_for_ever(
    limited: LimitedWeb, route: Route
) -> None:
    tenant = await limited.tenant(requests_per_second=10, burst=20)

    async def send(count: int) -> Reply:
        return await tenant.send("POST", route.path, route.body(count), Content_Type=route.content_type)

    for _ in range(2):
        refused = await send(21)
        assert refused.status == 413
        assert "Retry-After" not in refused.headers
        assert "batch_exceeds_burst" in said(refused)
        assert "21 items" in said(refused)
        assert "20 at once" in said(refused)
        assert refused.remaining == 20, "it is not charged"
        limited.now += 3_600
    assert (await send(12)).remaining == 8
    refused = await send(15)
    assert (refused.status, refused.headers["Retry-After"]) == (route.throttled, "1"), "7 are missing, at 10 a second"
    assert refused.remaining == 8
    assert (await send(8)).remaining == 0


@pytest.mark.parametrize("limits", [{"requests_per_second": 0}, {"bytes_per_second": 0}], ids=["items", "bytes"])
async def test_a_limit_of_zero_refuses_everything_for_long_and_not_as_something_that_passes(
    limited: LimitedWeb, limits: dict[str, int]
) -> None:
    tenant = await limited.tenant(**limits)
    for route in ROUTES:
        reply = await tenant.send("POST", route.path, route.body(1), Content_Type=route.content_type)
        assert (reply.status, reply.headers.get("Retry-After")) == (429, "3600" if route.says_how_long else None), route
        assert "is 0" in said(reply), route


async def test_decoded_bytes_are_limited_too(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(bytes_per_second=1_000)
    small, large = trace_request(1, attribute_bytes=2_500), trace_request(1, attribute_bytes=5_500)

    async def send(body: bytes) -> Reply:
        return await tenant.send("POST", "/v1/traces", body, Content_Type=PROTOBUF)

    assert (await send(small.SerializeToString())).status == 200
    refused = await send(small.SerializeToString())
    assert (refused.status, "bytes_per_second of 1000" in said(refused)) == (503, True)
    limited.now += float(refused.headers["Retry-After"])
    assert (await send(small.SerializeToString())).status == 200
    too_large = await send(large.SerializeToString())
    assert (too_large.status, "5000 at once" in said(too_large)) == (413, True)


async def test_what_is_refused_for_itself_is_not_charged(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(requests_per_second=10, burst=20)
    bad = run_event(eventTime="yesterday")
    batch = orjson.dumps([bad, *events(3), bad])
    trace = trace_request(5)
    for span in trace.resource_spans[0].scope_spans[0].spans[:2]:
        span.trace_id = b"short"
    for path, body, content_type, status, remaining in (
        ("/api/v1/lineage", b"{", JSON, 400, 20),
        ("/api/v1/lineage", orjson.dumps(bad), JSON, 422, 20),
        ("/api/v1/lineage", orjson.dumps(run_event()), "text/plain", 415, 20),
        ("/api/v1/lineage/batch", b"[]", JSON, 422, 20),
        ("/v1/traces", b"\xff", PROTOBUF, 400, 20),
        ("/api/v1/lineage/batch", orjson.dumps([bad, bad]), JSON, 200, 20),
        ("/api/v1/lineage/batch", batch, JSON, 200, 17),
        ("/v1/traces", trace.SerializeToString(), PROTOBUF, 200, 14),
    ):
        reply = await tenant.send("POST", path, body, Content_Type=content_type)
        assert (path, reply.status, reply.remaining) == (path, status, remaining)
    reader = await tenant.send("POST", "/api/v1/lineage", orjson.dumps(run_event()), "reader", Content_Type=JSON)
    assert reader.status == 403
    assert (await tenant.send("POST", "/api/v1/lineage", b"{", Content_Type=JSON)).remaining == 14


READS = ["/api/v1/search?q=a", "/api/v1/traces", "/api/v1/logs", "/marquez/api/v1/namespaces"]


@pytest.mark.parametrize("path", READS)
async def test_reads_are_429_above_their_own_rate(limited: LimitedWeb, path: str) -> None:
    tenant = await limited.tenant(reads_per_second=2, requests_per_second=0)
    for number in range(10):
        reply = await tenant.send("GET", path, None, "reader")
        assert (reply.status, reply.remaining) == (200, 9 - number), reply
    assert reply.policy == '"rps";q=2;w=1'
    refused = await tenant.send("GET", path, None, "reader")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1"), refused
    document = json.loads(refused.body)
    if path.startswith("/marquez"):
        assert (document["code"], "reads_per_second" in document["message"]) == (429, True)
    else:
        assert (document["reason"], document["type"]) == ("rate_limited", "/problems/rate-limited")
    managed = await tenant.send("GET", f"/api/v1/namespaces/{tenant.record.name}/limits", None, "reader")
    assert (managed.status, "RateLimit" in managed.headers) == (200, False), "management is not limited"
    limited.now += 1.0
    assert (await tenant.send("GET", path, None, "reader")).status == 200
    await tenant.set(Limits(reads_per_second=0))
    closed = await tenant.send("GET", path, None, "reader")
    assert (closed.status, closed.headers["Retry-After"]) == (429, "3600")


async def test_a_key_is_held_to_its_own_limit_and_the_others_to_the_namespaces(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(requests_per_second=10, burst=20)
    api_key = parse_api_key(tenant.keys["writer"])
    assert api_key is not None
    await tenant.set(Limits(requests_per_second=10, burst=20), **{api_key.kid: Limits(burst=3, requests_per_second=1)})

    async def send(role: str) -> Reply:
        return await tenant.send("POST", "/api/v1/lineage", orjson.dumps(run_event()), role, Content_Type=JSON)

    assert [(await send("writer")).status for _ in range(4)] == [201, 201, 201, 503]
    refused = await send("writer")
    assert (refused.policy, "This key" in said(refused)) == ('"rps";q=1;w=1', True)
    reply = await send("owner")
    assert (reply.status, reply.remaining, reply.policy) == (201, 16, GIVEN_RATE)


async def test_one_namespaces_load_takes_nothing_from_another(limited: LimitedWeb) -> None:
    loud, quiet = await limited.tenant(requests_per_second=1, burst=1), await limited.tenant(burst=5)
    body = orjson.dumps(run_event())
    statuses = [(await loud.send("POST", "/api/v1/lineage", body, Content_Type=JSON)).status for _ in range(5)]
    assert statuses == [201, 503, 503, 503, 503]
    reply = await quiet.send("POST", "/api/v1/lineage", body, Content_Type=JSON)
    assert (reply.status, reply.remaining) == (201, 4)


async def test_the_largest_limits_stand_in_the_headers_as_structured_fields_take_them(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(requests_per_second=LARGEST, burst=LARGEST)
    reply = await tenant.send("POST", "/api/v1/lineage", b"{", Content_Type=JSON)
    assert (reply.policy, reply.rate) == (
        '"rps";q=999999999999999;w=1',
        '"rps";r=999999999999999;t=0',
    )


async def test_strangers_and_operations_have_no_rate(limited: LimitedWeb) -> None:
    async with limited.client.get("/api/v1/health") as answer:
        assert "RateLimit" not in answer.headers
    async with limited.client.post("/api/v1/lineage", data=b"{}") as answer:
        assert (answer.status, "RateLimit" in answer.headers) == (401, False)


async def test_of_two_webs_each_gives_half_the_rate(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(requests_per_second=10, burst=10)
    limited.replicas = 2
    try:
        body = orjson.dumps(events(10))
        assert (await tenant.send("POST", "/api/v1/lineage/batch", body, Content_Type=JSON)).status == 204
        limited.now += 1.0
        reply = await tenant.send("POST", "/api/v1/lineage", b"{", Content_Type=JSON)
        assert (reply.remaining, reply.policy) == (5, GIVEN_RATE)
    finally:
        limited.replicas = 1
