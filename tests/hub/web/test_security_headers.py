"""Security headers on every answer: of each route of the endpoint list, and of each kind of refusal."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from lineagehub.web.endpoint import Endpoint
from lineagehub.web.endpoints import ENDPOINTS
from lineagehub.web.ops.docs_page import OWN_FILES
from tests.hub.web.running import RunningWeb, running_web, settings_for
from tests.hub.web.samples import run_event

pytestmark = pytest.mark.asyncio(loop_scope="session")

VALUES = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "LineageHub",
}
IN_PATHS = {
    "id": "01941f29-7c00-7087-8940-40e5d549bbd4",
    "slug": "not-found",
    "name": "start.js",
    "trace_id": "0" * 31 + "1",
}
MAY_BE_KEPT = ("/docs/{name}",)
ROLES = (None, "reader")  # Nobody who could write or delete.


def path_of(endpoint: Endpoint) -> str:
    return re.sub(r"{(\w+)}", lambda match: IN_PATHS.get(match[1], "x"), endpoint.path)


def require_safe(answer: aiohttp.ClientResponse, what: str, may_be_kept: bool = False) -> None:
    headers = answer.headers
    assert {name: headers.get(name) for name in VALUES} == VALUES, what
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == "'self'", what
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'", what
    assert not re.search(r"unsafe-|\*|https?:", headers["Content-Security-Policy"]), what
    assert may_be_kept or headers["Cache-Control"] == "no-store", what
    assert "Strict-Transport-Security" not in headers, what
    for name, value in headers.items():
        assert not re.search(r"aiohttp|python/", value, re.IGNORECASE), f"{what}: {name} names a part of ours"
        assert len(headers.getall(name)) == 1 or name == "Vary", f"{what}: {name} twice"


def directives(policy: str) -> Mapping[str, str]:
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_every_route_has_them_whoever_asks(web: RunningWeb, endpoint: Endpoint) -> None:
    for role in ROLES:
        headers = web.headers(role) if role else {}
        async with web.client.request(endpoint.method, path_of(endpoint), headers=headers) as answer:
            require_safe(answer, f"{answer.status} for {role}", endpoint.path in MAY_BE_KEPT)


@pytest.mark.parametrize(
    ("method", "path", "role", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/problems/nothing", None, {}, 404),
        ("GET", "/docs/nothing", None, {}, 404),
        ("GET", "/marquez/api/v1/nothing", "reader", {}, 404),
        ("PATCH", "/api/v1/lineage", None, {}, 405),
        ("PUT", "/v1/traces", None, {}, 405),
        (
            "OPTIONS",
            "/api/v1/lineage",
            None,
            {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"},
            405,
        ),
        ("POST", "/api/v1/lineage", None, {}, 401),
        ("POST", "/v1/traces", None, {}, 401),
        ("POST", "/api/v1/lineage", "reader", {}, 403),
        ("POST", "/api/v1/lineage", "writer", {"Content-Type": "text/html"}, 415),
        ("POST", "/api/v1/lineage", "writer", {"Content-Type": "application/json", "Expect": "nothing"}, 417),
        ("GET", "/api/v1/lineage", "reader", {}, 400),
        ("GET", "/api/v1/lineage?nodeId=job:a:b", "reader", {}, 503),
        ("HEAD", "/api/v1/lineage?nodeId=job:a:b", "reader", {}, 405),
    ],
)
async def test_refusals_have_them(
    web: RunningWeb, method: str, path: str, role: str | None, headers: dict[str, str], status: int
) -> None:
    headers = headers | (web.headers(role) if role else {})
    async with web.client.request(method, path, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        require_safe(answer, f"{method} {path}")


async def test_a_body_that_is_too_large_and_one_that_is_invalid_have_them(web: RunningWeb) -> None:
    headers = web.headers(Content_Type="application/json")
    large = b'"' + b"x" * (web.settings.web.event_bytes + 1) + b'"'
    for body, status in ((large, 413), (b"{", 400), (b"{}", 422), (b"", 400)):
        async with web.client.post("/api/v1/lineage", data=body, headers=headers) as answer:
            assert answer.status == status
            require_safe(answer, str(status))


async def test_what_went_well_has_them(web: RunningWeb) -> None:
    async with web.client.post("/api/v1/lineage", json=run_event(), headers=web.headers()) as answer:
        assert answer.status == 201
        require_safe(answer, "201")


async def test_the_files_of_the_documentation_may_be_kept_and_its_page_has_no_inline_script(web: RunningWeb) -> None:
    async with web.client.get("/docs/start.js") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    for page in Path(OWN_FILES).glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+\s*=|javascript:", text), page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def behind_tls(web: RunningWeb) -> AsyncIterator[RunningWeb]:
    async with running_web(settings_for(web.settings.kafka, hsts_seconds=63_072_000)) as running:
        yield running


async def test_behind_tls_browsers_are_told_to_use_nothing_else(behind_tls: RunningWeb) -> None:
    for path, status in (("/livez", 200), ("/nothing", 404), ("/api/v1/lineage", 401)):
        async with behind_tls.client.get(path) as answer:
            assert answer.status == status
            assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
