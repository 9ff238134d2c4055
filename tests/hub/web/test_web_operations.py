"""Health, readiness, metrics, documentation, problems: what operators, orchestrators and people read."""

from __future__ import annotations

import dataclasses
import inspect
import re
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules

import pytest
from openapi_pydantic.v3.v3_1 import OpenAPI

from lineagehub import __version__
from lineagehub.auth.directory import Directory
from lineagehub.auth.principal import Principal
from lineagehub.contract.reasons import SYSTEM_REASONS, Reason
from lineagehub.web import ops, queries, receivers
from lineagehub.web.app import create_app
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.ops.docs_page import ASSETS
from lineagehub.web.ops.health import Readiness
from lineagehub.web.ops.problem_pages import ProblemList
from lineagehub.web.problems import INTERNAL_ERROR, PROBLEMS, ProblemDocument, problem_of
from lineagehub.web.serve import listening
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.support.broker import free_port
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_health_names_the_version(web: RunningWeb) -> None:
    async with web.client.get("/api/v1/health") as answer:
        assert await answer.json() == {"status": "healthy", "version": __version__}


async def test_the_process_is_alive(web: RunningWeb) -> None:
    async with web.client.get("/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def readiness(web: RunningWeb) -> tuple[int, Readiness]:
    async with web.client.get("/readyz") as answer:
        return answer.status, Readiness.model_validate(await answer.json())


async def test_without_clickhouse_the_web_is_degraded_and_takes_traffic(web: RunningWeb) -> None:
    async def degraded() -> bool:
        status, state = await readiness(web)
        return status == 200 and state.status == "degraded" and state.dependencies["usage"].ok

    await wait_until_async(degraded, READY_SECONDS, "the web to be degraded only")
    _, state = await readiness(web)
    assert {name: dependency.ok for name, dependency in state.dependencies.items()} == {
        "kafka": True,
        "control": True,
        "usage": True,
        "clickhouse": False,
    }
    assert "ClickHouse" in state.dependencies["clickhouse"].reason
    async with web.client.get("/metrics") as answer:
        text = await answer.text()
    assert 'lineagehub_dependency_up{dependency="kafka"} 1.0' in text
    assert 'lineagehub_dependency_up{dependency="clickhouse"} 0.0' in text


async def test_without_kafka_the_web_is_unready_and_says_why(web: RunningWeb) -> None:
    away = settings_for(web.settings.kafka.model_copy(update={"brokers": f"127.0.0.1:{free_port()}"}))
    async with running_web(away) as lonely:
        status, state = await readiness(lonely)
        assert (status, state.status) == (503, "unready")
        assert not state.dependencies["kafka"].ok
        assert not state.dependencies["control"].ok
        assert all(dependency.reason for dependency in state.dependencies.values())
        async with lonely.client.get("/livez") as answer:
            assert answer.status == 200, "a restart would not help"


async def test_reads_without_clickhouse_are_503_with_retry_after(web: RunningWeb) -> None:
    for path in ("/api/v1/lineage?nodeId=job:a:b", "/api/v1/events/lineage"):
        async with web.client.get(path, headers=web.headers("reader")) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            problem = ProblemDocument.model_validate(await answer.json(content_type=None))
            assert problem.reason == "unavailable"
            assert "127.0.0.1" not in problem.detail, "addresses are the operator's"


async def test_metrics_count_requests_by_route_and_refusals_by_reason(web: RunningWeb) -> None:
    for number in range(3):
        async with web.client.get(f"/nothing/{number}"):
            pass
    async with web.client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = await answer.text()
    assert 'lineagehub_http_refusals_total{reason="not_found"}' in text
    assert 'route="unmatched"' in text
    assert "/nothing/" not in text
    assert "lineagehub_http_request_duration_seconds_bucket" in text
    assert "process_cpu_seconds_total" in text
    samples = [line for line in text.splitlines() if line.startswith("lineagehub_")]
    assert samples
    assert not [line for line in samples if web.namespace in line], "namespaces are no labels"


async def test_every_problem_has_a_page_and_the_catalogue_lists_them_all(web: RunningWeb) -> None:
    async with web.client.get("/problems") as answer:
        pages = ProblemList.model_validate(await answer.json()).problems
    assert [page.type for page in pages] == [problem.type for problem in PROBLEMS]
    assert len({page.reason for page in pages}) == len(pages)
    for page in pages:
        async with web.client.get(page.type) as answer:
            assert answer.status == 200
            assert (await answer.json()) == page.model_dump()
    for slug in ("nothing", "not_found", "a%0d%0ab"):
        async with web.client.get(f"/problems/{slug}") as answer:
            assert answer.status == 404


async def test_no_problem_is_500_and_what_clients_should_repeat_is_503() -> None:
    assert {problem.status for problem in PROBLEMS if problem.status >= 500} == {503}
    for reason in SYSTEM_REASONS:
        assert problem_of(reason) is INTERNAL_ERROR
    for reason in (Reason.TOO_LARGE, Reason.INVALID_JSON, Reason.TIMESTAMP_OUT_OF_RANGE, Reason.SCHEMA_INVALID):
        assert 400 <= problem_of(reason).status < 500


class BrokenDirectory(Directory):
    """A directory with a bug."""

    def authenticate(self, text: str, moment: datetime | None = None) -> Principal | None:
        raise ZeroDivisionError(text)


async def test_a_fault_of_the_hub_is_503_logged_and_counted(web: RunningWeb) -> None:
    parts = dataclasses.replace(web.parts, directory=BrokenDirectory(web.parts.sealer))
    async with listening(create_app(web.settings, parts), web.settings) as url:
        async with web.client.get(f"{url}/api/v1/events/lineage", headers=web.headers()) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) >= 1
            problem = ProblemDocument.model_validate(await answer.json(content_type=None))
        assert problem.reason == "internal_error"
        assert problem.request_id in problem.detail
        assert web.keys["writer"] not in problem.detail
        async with web.client.get(f"{url}/metrics") as answer:
            assert "lineagehub_unexpected_errors_total 1.0" in await answer.text()


@pytest.mark.parametrize("given", ["abc-123", "7f0a:/._"])
async def test_a_sane_request_id_is_echoed(web: RunningWeb, given: str) -> None:
    async with web.client.get("/nothing", headers={"X-Request-Id": given}) as answer:
        assert answer.headers["X-Request-Id"] == given
        assert (await answer.json(content_type=None))["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "<script>", "x" * 129, "é"])
async def test_another_request_id_is_replaced(web: RunningWeb, given: str) -> None:
    async with web.client.get("/nothing", headers={"X-Request-Id": given}) as answer:
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


async def test_the_documentation_page_loads_only_what_this_hub_serves(web: RunningWeb) -> None:
    async with web.client.get("/docs") as answer:
        assert answer.content_type == "text/html"
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert {"/docs/swagger-ui-bundle.js", "/docs/start.js", "/docs/swagger-ui.css"} <= set(links)
    assert all(link.startswith("/") and not link.startswith("//") for link in links)
    assert not re.search(r"<script>|\son\w+=|javascript:", page), "no inline script"
    assert "script-src" not in policy, "scripts fall under default-src 'self'"
    for link in links:
        async with web.client.get(link) as answer:
            assert answer.status == 200
            assert await answer.read()
    for name in ("..%2f..%2fpyproject.toml", "index.html", "a%00b"):
        async with web.client.get(f"/docs/{name}") as answer:
            assert answer.status in (400, 404)
    assert set(ASSETS) == {link.rpartition("/")[2] for link in links if link.startswith("/docs/")}


async def test_the_root_says_where_to_go(web: RunningWeb) -> None:
    async with web.client.get("/") as answer:
        for link in ("docs", "openapi", "health"):
            async with web.client.get((await answer.json())[link]) as target:
                assert target.status == 200


async def test_openapi_is_valid_and_describes_every_route_and_no_other(web: RunningWeb) -> None:
    async with web.client.get("/openapi.json") as answer:
        document = await answer.json()
    assert OpenAPI.model_validate(document).openapi == "3.1.0"
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    application = create_app(web.settings, web.parts)
    routes = {(route.method, route.resource.canonical) for route in application.router.routes() if route.resource}
    assert described == routes == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    identifiers = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(set(identifiers)) == len(identifiers)


async def test_openapi_describes_a_batch_as_an_array_and_as_lines(web: RunningWeb) -> None:
    async with web.client.get("/openapi.json") as answer:
        operation = (await answer.json())["paths"]["/api/v1/lineage/batch"]["post"]
    bodies = operation["requestBody"]["content"]
    event = bodies["application/x-ndjson"]["schema"]
    assert len(event["anyOf"]) == 3
    assert bodies["application/json"]["schema"] == {"type": "array", "items": event}
    assert operation["responses"]["204"]["description"] == "The broker has all of them."
    assert operation["responses"]["204"]["content"] == {}
    assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]


async def test_every_reference_of_openapi_leads_somewhere(web: RunningWeb) -> None:
    async with web.client.get("/openapi.json") as answer:
        text = await answer.text()
        schemas = (await answer.json())["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert references
    assert references <= set(schemas)
    assert {"RunEvent", "JobEvent", "DatasetEvent", "ProblemDocument", "LineageGraph"} <= set(schemas)


async def test_openapi_documents_each_refusal_of_each_route(web: RunningWeb) -> None:
    async with web.client.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    for endpoint in ENDPOINTS:
        responses = paths[endpoint.path][endpoint.method.lower()]["responses"]
        for problem in endpoint.all_problems():
            assert problem.reason in responses[str(problem.status)]["description"]
    assert "Retry-After" in paths["/api/v1/lineage"]["post"]["responses"]["503"]["headers"]
    assert "Retry-After" in paths["/api/v1/traces"]["get"]["responses"]["429"]["headers"]
    for status in ("201", "413", "503"):
        assert {"RateLimit", "RateLimit-Policy"} <= set(
            paths["/api/v1/lineage"]["post"]["responses"][status]["headers"]
        )


async def test_every_handler_of_a_component_folder_is_in_the_endpoint_list() -> None:
    listed = {endpoint.handler for endpoint in ENDPOINTS}
    for package in (receivers, queries, ops):
        for module in (import_module(f"{package.__name__}.{info.name}") for info in iter_modules(package.__path__)):
            handlers = {
                member
                for name, member in vars(module).items()
                if inspect.iscoroutinefunction(member)
                and member.__module__ == module.__name__
                and name.startswith(("read_", "receive_", "list_"))
            }
            assert handlers <= listed, f"{module.__name__} has a handler that no endpoint names"
