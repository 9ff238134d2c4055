"""CORS: which pages may read the hub's answers, which preflights are granted, and that nothing is reflected or opened to all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from multidict import CIMultiDictProxy

from lineagehub.web.endpoint import Endpoint
from lineagehub.web.endpoints import ENDPOINTS
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.hub.web.samples import run_event, trace_request

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE, LOCAL_PAGE = "https://explorer.example", "http://localhost:5173"
STRANGERS = [
    "https://evil.example",
    "null",
    "",
    "*",
    "http://explorer.example",
    "https://explorer.example:8443",
    "https://explorer.example.evil.example",
    "https://evil-explorer.example",
    "https://sub.explorer.example",
    "HTTPS://EXPLORER.EXAMPLE",
    "https://explorer.example/",
    f"{PAGE}, https://evil.example",
]
OTLP = ("/v1/traces", "/v1/metrics", "/v1/logs")
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(web: RunningWeb) -> AsyncIterator[RunningWeb]:
    """A web with two allowed origins."""
    async with running_web(settings_for(web.settings.kafka, cors_origins=f"{PAGE}, {LOCAL_PAGE}")) as running:
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        running.keys = web.keys
        yield running


def granted(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith("access-control-")}


def listed(headers: CIMultiDictProxy[str], name: str) -> set[str]:
    return {item.strip().lower() for item in headers[name].split(",")}


@pytest.mark.parametrize("origin", [PAGE, LOCAL_PAGE])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_a_preflight_of_an_allowed_origin_is_granted_on_every_route(
    shared: RunningWeb, endpoint: Endpoint, origin: str
) -> None:
    method, path = endpoint.method, endpoint.path.replace("{", "").replace("}", "")
    asked = PREFLIGHT | {"Origin": origin, "Access-Control-Request-Method": method}
    async with shared.client.options(path, headers=asked) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert method.lower() in listed(answer.headers, "Access-Control-Allow-Methods")
        needed = {"authorization", "content-type", "content-encoding", "lineagehub-event-id", "lineagehub-namespace"}
        assert listed(answer.headers, "Access-Control-Allow-Headers") >= needed | {"idempotency-key", "traceparent"}
        assert int(answer.headers["Access-Control-Max-Age"]) > 0
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_origin_gets_neither_a_preflight_nor_an_answer_that_it_may_read(
    shared: RunningWeb, origin: str
) -> None:
    for path in ("/api/v1/lineage", *OTLP):
        async with shared.client.options(path, headers=PREFLIGHT | {"Origin": origin}) as answer:
            assert answer.status == 405
            assert granted(answer.headers) == {}
            assert "Origin" in answer.headers["Vary"], "what is kept for one origin is not another's"
    async with shared.client.get("/api/v1/health", headers={"Origin": origin}) as answer:
        assert answer.status == 200
        assert granted(answer.headers) == {}
        assert "Origin" in answer.headers["Vary"]


async def test_two_origins_are_none(shared: RunningWeb) -> None:
    twice = [("Origin", PAGE), ("Origin", LOCAL_PAGE)]
    async with shared.client.get("/api/v1/health", headers=twice) as answer:
        assert granted(answer.headers) == {}


async def test_a_preflight_of_a_route_that_is_not_there_is_404(shared: RunningWeb) -> None:
    async with shared.client.options("/nothing", headers=PREFLIGHT | {"Origin": PAGE}) as answer:
        assert answer.status == 404


async def test_options_without_a_preflights_headers_is_no_preflight(shared: RunningWeb) -> None:
    for headers in ({"Origin": PAGE}, {"Access-Control-Request-Method": "POST"}):
        async with shared.client.options("/api/v1/lineage", headers=headers) as answer:
            assert answer.status == 405


@pytest.mark.parametrize("path", OTLP)
async def test_a_browsers_otlp_exporter_gets_through(shared: RunningWeb, path: str) -> None:
    headers = shared.headers(Origin=PAGE, Content_Type="application/json")
    async with shared.client.post(path, data=b"{}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/api/v1/lineage", "writer", 415),
        ("POST", "/api/v1/lineage", None, 401),
        ("POST", "/api/v1/lineage", "reader", 403),
        ("POST", "/v1/traces", None, 401),
        ("GET", "/api/v1/lineage?nodeId=job:a:b", "reader", 503),
        ("GET", "/api/v1/lineage", "reader", 400),
        ("GET", "/nothing", None, 404),
        ("PATCH", "/api/v1/lineage", None, 405),
        ("GET", "/marquez/api/v1/nothing", "reader", 404),
    ],
)
async def test_a_page_reads_refusals_with_what_it_needs_to_try_again(
    shared: RunningWeb, method: str, path: str, key: str | None, status: int
) -> None:
    headers = {"Origin": PAGE} | (shared.headers(key) if key else {})
    async with shared.client.request(method, path, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        exposed = listed(answer.headers, "Access-Control-Expose-Headers")
        assert exposed >= {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id", "www-authenticate"}
        assert "*" not in exposed


async def test_without_an_allow_list_there_is_no_cors_at_all(web: RunningWeb) -> None:
    for origin in (PAGE, "null", web.url):
        async with web.client.options("/v1/traces", headers=PREFLIGHT | {"Origin": origin}) as answer:
            assert answer.status == 405
            assert granted(answer.headers) == {}
        body = trace_request(1).SerializeToString()
        headers = web.headers(Origin=origin, Content_Type="application/x-protobuf")
        async with web.client.post("/v1/traces", data=body, headers=headers) as answer:
            assert answer.status == 200, "programs may send what they like"
            assert granted(answer.headers) == {}


async def test_an_origin_gives_no_right(shared: RunningWeb) -> None:
    async with shared.client.post("/api/v1/lineage", json=run_event(), headers={"Origin": PAGE}) as answer:
        assert answer.status == 401
