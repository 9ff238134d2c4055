"""Clients that nobody changed, above their rate limit: they send again what was throttled, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport import get_default_factory
from openlineage.client.uuid import generate_new_uuid
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from tests.hub.web.limiting import LimitedTenant, LimitedWeb, limited_web
from tests.hub.web.running import RunningWeb, settings_for
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = 3
SECONDS = 30


@pytest_asyncio.fixture(loop_scope="session")
async def limited(web: RunningWeb) -> AsyncIterator[LimitedWeb]:
    """A web of the test's own, so that its metrics count nothing else."""
    async with limited_web(settings_for(web.settings.kafka)) as running:
        yield running


def openlineage(transport: str) -> Callable[[str, str], int]:
    """Return what emits events over a transport of openlineage-python, and returns how many it takes for delivered."""

    def emit(url: str, api_key: str) -> int:
        auth = {"type": "api_key", "apiKey": api_key}
        config: dict[str, Any] = {"type": transport, "url": url, "auth": auth}
        client = OpenLineageClient(transport=get_default_factory().create(config))
        for _ in range(EVENTS):
            client.emit(
                RunEvent(
                    eventType=RunState.COMPLETE,
                    eventTime=datetime.now(UTC).isoformat(),
                    run=Run(runId=str(generate_new_uuid())),
                    job=Job(namespace="limited", name="job"),
                    producer="https://example.com/tests",
                )
            )
        return EVENTS if client.close(SECONDS) else 0

    return emit


class Counting(SpanExporter):
    """An exporter that counts what another one takes for delivered."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.delivered = 0

    def export(self, spans: Any) -> SpanExportResult:
        """Pass on, and count."""
        result = self._exporter.export(spans)
        self.delivered += len(spans) if result is SpanExportResult.SUCCESS else 0
        return result


def opentelemetry(url: str, api_key: str) -> int:
    """Export spans one by one; return how many the exporter takes for delivered."""
    exporter = Counting(
        OTLPSpanExporter(f"{url}/v1/traces", headers={"Authorization": f"Bearer {api_key}"}, timeout=SECONDS)
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for number in range(EVENTS):
        provider.get_tracer("tests").start_span(f"span {number}").end()
    return exporter.delivered


@pytest.mark.parametrize(
    ("send", "route", "status"),
    [
        (openlineage("http"), "/api/v1/lineage", 201),
        (openlineage("async_http"), "/api/v1/lineage", 201),
        (opentelemetry, "/v1/traces", 200),
    ],
    ids=["openlineage-python http", "openlineage-python async_http", "opentelemetry-python"],
)
async def test_a_client_sends_again_what_was_throttled(
    limited: LimitedWeb, send: Callable[[str, str], int], route: str, status: int
) -> None:
    tenant: LimitedTenant = await limited.tenant(requests_per_second=1, burst=1)
    sending = asyncio.create_task(asyncio.to_thread(send, str(limited.client._base_url), tenant.keys["owner"]))

    async def count(answered: int) -> int:
        line = f'lineagehub_http_requests_total{{method="POST",route="{route}",status="{answered}"}} '
        async with limited.client.get("/metrics") as metrics:
            found = [one for one in (await metrics.text()).splitlines() if one.startswith(line)]
        return int(float(found[0].removeprefix(line))) if found else 0

    async def is_throttled() -> bool:
        return await count(status) == 1 and await count(503) >= 1

    await wait_until_async(is_throttled, SECONDS, "an event to be taken and the next one to be throttled")
    limited.now += EVENTS

    async def is_done() -> bool:
        limited.now += 1
        return sending.done()

    await wait_until_async(is_done, SECONDS, "the client to have sent everything")
    assert await sending == EVENTS
    assert await count(status) == EVENTS


async def test_a_pipeline_does_not_sleep_until_a_limit_of_zero_may_have_been_raised(limited: LimitedWeb) -> None:
    tenant = await limited.tenant(requests_per_second=0)
    emitting = asyncio.to_thread(openlineage("http"), str(limited.client._base_url), tenant.keys["owner"])
    with pytest.raises(Exception, match="429"):
        await asyncio.wait_for(emitting, SECONDS)
