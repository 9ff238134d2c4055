"""Authentication switched off: on this machine only, and not for the web pages that its browser shows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lineagehub.cli import main
from lineagehub.errors import ConfigurationError
from lineagehub.settings import Settings, WebSettings
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.serve import serve
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, running_web, settings_for, verified
from tests.hub.web.samples import run_event, trace_request
from tests.support.hub import run_command

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMESPACE = "everybodys"
PAGE = "https://explorer.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_web(web: RunningWeb) -> AsyncIterator[RunningWeb]:
    settings = settings_for(web.settings.kafka, authentication="off", open_namespace=NAMESPACE, cors_origins=PAGE)
    async with running_web(settings) as running:
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        running.keys = web.keys
        yield running


async def test_whoever_sends_no_credentials_owns_the_open_namespace(open_web: RunningWeb, records: Records) -> None:
    async with open_web.client.post("/api/v1/lineage", json=run_event()) as answer:
        assert answer.status == 201
        event_id = (await answer.json())["event_id"]
    assert verified(await records.one(event_id), open_web).namespace == NAMESPACE
    async with open_web.client.get("/api/v1/events/lineage") as answer:
        assert answer.status == 503, "ClickHouse is away, and nobody asked for a key"


async def test_credentials_that_are_sent_count(open_web: RunningWeb, records: Records) -> None:
    async with open_web.client.post("/api/v1/lineage", json=run_event(), headers=open_web.headers("writer")) as answer:
        assert answer.status == 201
        event_id = (await answer.json())["event_id"]
    assert verified(await records.one(event_id), open_web).namespace == "team-a"
    for wrong in ("Bearer lh_dev_wrong", "Basic eDp5", ""):
        async with open_web.client.post(
            "/api/v1/lineage", json=run_event(), headers={"Authorization": wrong}
        ) as answer:
            assert answer.status == 401


async def test_readiness_says_that_authentication_is_off(open_web: RunningWeb, web: RunningWeb) -> None:
    for running, said in ((open_web, "off"), (web, "on")):
        async with running.client.get("/readyz") as answer:
            assert (await answer.json())["authentication"] == said


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7", "[::2]"],
)
async def test_a_host_that_is_not_this_machine_is_refused_on_every_route(open_web: RunningWeb, host: str) -> None:
    for endpoint in ENDPOINTS:
        path = (
            endpoint.path.replace("{slug}", "not-found").replace("{name}", "start.js").replace("{", "").replace("}", "")
        )
        async with open_web.client.request(endpoint.method, path, headers={"Host": host}) as answer:
            assert answer.status == 421, f"{endpoint.method} {path}"
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:8080"])
async def test_this_machine_has_several_names(open_web: RunningWeb, host: str) -> None:
    async with open_web.client.post("/api/v1/lineage", json=run_event(), headers={"Host": host}) as answer:
        assert answer.status == 201


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "", "http://localhost.evil.example"]
)
async def test_a_page_of_another_origin_cannot_make_the_browser_write(open_web: RunningWeb, origin: str) -> None:
    for path, body in (("/api/v1/lineage", b"{}"), ("/v1/traces", trace_request(1).SerializeToString())):
        async with open_web.client.post(path, data=body, headers={"Origin": origin}) as answer:
            assert answer.status == 403


async def test_pages_of_this_hub_and_of_allowed_origins_may(open_web: RunningWeb) -> None:
    for origin in (open_web.url, PAGE):
        async with open_web.client.post("/api/v1/lineage", json=run_event(), headers={"Origin": origin}) as answer:
            assert answer.status == 201


async def test_with_authentication_on_the_host_is_nobodys_business(web: RunningWeb) -> None:
    async with web.client.get(
        "/api/v1/health", headers={"Host": "hub.example", "Origin": "https://x.example"}
    ) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "hub.example", ""])
async def test_off_is_refused_where_others_reach_the_web(web: RunningWeb, host: str) -> None:
    settings = settings_for(web.settings.kafka, authentication="off", open_namespace=NAMESPACE, host=host)
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_WEB_AUTHENTICATION is off, but") as caught:
        settings.require_loopback_when_open(host)
    assert "127.0.0.1" in caught.value.next_step


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
async def test_off_is_taken_on_loopback_and_needs_a_namespace(host: str) -> None:
    web = WebSettings(host=host, authentication="off", open_namespace=NAMESPACE)
    Settings(web=web).require_loopback_when_open(host)
    nameless = Settings(web=web.model_copy(update={"open_namespace": ""}))
    with pytest.raises(ConfigurationError, match="LINEAGEHUB_WEB_OPEN_NAMESPACE"):
        nameless.require_loopback_when_open(host)


async def test_serve_refuses_before_it_starts_anything(web: RunningWeb) -> None:
    settings = settings_for(web.settings.kafka, authentication="off", open_namespace=NAMESPACE, host="0.0.0.0")
    with pytest.raises(ConfigurationError, match="AUTHENTICATION is off"):
        await serve(settings)


OPEN_TO_ALL = {
    "LINEAGEHUB_SECRET_KEY": "s" * 32,
    "LINEAGEHUB_WEB_HOST": "0.0.0.0",
    "LINEAGEHUB_WEB_PORT": "0",
    "LINEAGEHUB_WEB_AUTHENTICATION": "off",
    "LINEAGEHUB_WEB_OPEN_NAMESPACE": NAMESPACE,
}


def require_one_sentence(exit_code: object, stderr: str) -> None:
    assert exit_code == 78
    said, next_step = stderr.strip().splitlines()
    assert "AUTHENTICATION is off" in said
    assert "127.0.0.1" in next_step


async def test_serve_says_so_in_one_sentence_and_exits_with_78() -> None:
    result = run_command("serve", **OPEN_TO_ALL)
    require_one_sentence(result.returncode, result.stderr)


async def test_up_says_so_before_it_starts_a_broker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in OPEN_TO_ALL.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        main(["up", "--host", "0.0.0.0"])
    require_one_sentence(caught.value.code, capsys.readouterr().err)


async def test_a_namespace_that_is_named_must_be_the_open_one(open_web: RunningWeb) -> None:
    for name, status in ((NAMESPACE, 201), ("team-a", 403)):
        headers = {"lineagehub-namespace": name}
        async with open_web.client.post("/api/v1/lineage", json=run_event(), headers=headers) as answer:
            assert answer.status == status
