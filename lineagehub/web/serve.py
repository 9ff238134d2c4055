"""Runs the web in this process until SIGTERM or SIGINT.

Called by `lineagehub serve`, which installs uvloop and logging.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aiohttp import web

from lineagehub.auth.directory import Directory
from lineagehub.auth.oidc.people import People
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.topics import AUDIT, USAGE
from lineagehub.management.control_journal import journal_append
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.namespace_purge import NamespacePurger
from lineagehub.quota.daily import DailyQuota
from lineagehub.quota.limits import limits_by_name
from lineagehub.quota.rate_limiter import RateLimiter
from lineagehub.quota.replicas import Replicas
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import Settings
from lineagehub.store.client import ClickHouse
from lineagehub.web.app import Parts, create_app
from lineagehub.web.middleware.in_flight import IN_FLIGHT

log = structlog.get_logger(__name__)

KEYS_SECONDS = 5.0
"""How long `on_ready` waits for the control topic to be read."""
FINISH_SECONDS = 10.0
"""Requests in flight may take this long once the process is told to stop."""
CLOSE_SECONDS = 1.0
"""And this long to write their answers."""
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python's own 700 make a graph of 4,102 nodes, all of it alive until it is sent, cost 410 ms of CPU instead of 220."""


async def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight and flush the producer.

    `on_ready` gets the URL once it listens and knows the keys, or five seconds later.
    A broker or ClickHouse that is away delays nothing: /readyz says so. Raises ConfigurationError without a secret key and
    when others could use that authentication is off, OSError (EADDRINUSE) when the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        await _require_free_port(settings)
        async with open_parts(settings) as parts, listening(create_app(settings, parts), settings) as url:
            await _keys_known(parts.control_view, stop)
            gc.freeze()
            gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
            log.info("The web is ready.", url=url)
            if settings.web.authentication == "off":
                log.warning(
                    "Authentication is off: any program here owns the namespace.", namespace=settings.web.open_namespace
                )
            if on_ready is not None:
                on_ready(url)
            await stop.wait()
            log.info("Stopping: finishing requests in flight.")
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _require_free_port(settings: Settings) -> None:
    """Raise OSError when the port is taken, before anything has started that would have to be stopped again."""
    loop = asyncio.get_running_loop()
    probe = await loop.create_server(asyncio.Protocol, settings.web.host, settings.web.port)
    probe.close()
    await probe.wait_closed()


async def _keys_known(view: CompactedView, stop: asyncio.Event) -> None:
    """Wait a little for the control topic, so that whoever hears "ready" is not answered 503.

    Never for long, and not when told to stop.
    """
    waiting = {asyncio.create_task(view.wait_complete(KEYS_SECONDS)), asyncio.create_task(stop.wait())}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if not view.is_complete:
        log.warning("The keys are not known yet: until Kafka answers, requests hear 503.")


@asynccontextmanager
async def open_parts(settings: Settings) -> AsyncIterator[Parts]:
    """Give the started parts of a web with these settings; stop them at the end, the producer after its flush."""
    settings.require_loopback_when_open(settings.web.host)
    sealer = Sealer(settings.require_secret_key())
    async with AsyncExitStack() as stack:
        clickhouse = await stack.enter_async_context(ClickHouse(settings.clickhouse.of_reader()))
        writer = await stack.enter_async_context(ClickHouse(settings.clickhouse))
        producer = await stack.enter_async_context(Producer(settings.kafka))
        people = await stack.enter_async_context(People(settings.oidc)) if settings.oidc.issuer else None
        control = ControlPlane(settings.kafka, Directory(sealer), producer, journal_append(settings))
        audit = AuditLog(producer, settings.kafka.topic_name(AUDIT), sealer)
        purger = NamespacePurger(settings.kafka, control, writer, audit)
        book = UsageBook()
        usage_view = CompactedView(settings.kafka, settings.kafka.topic_name(USAGE), book.apply)
        limits = limits_by_name(control.directory)
        quota = DailyQuota(book, limits, lambda: usage_view.is_complete, replicas=lambda: replicas.count())
        replicas = Replicas(settings.kafka, producer, let_in=quota.let_in)
        for part in (control, purger, replicas, usage_view):
            await part.start()
            stack.push_async_callback(part.stop)
        yield Parts(
            producer=producer,
            directory=control.directory,
            control_view=control.view,
            sealer=sealer,
            clickhouse=clickhouse,
            clickhouse_writer=writer,
            control=control,
            audit=audit,
            purger=purger,
            replicas=replicas,
            rate_limiter=RateLimiter(control.directory, replicas.count),
            usage_view=usage_view,
            quota=quota,
            people=people,
        )


@asynccontextmanager
async def listening(application: web.Application, settings: Settings) -> AsyncIterator[str]:
    """Listen on the configured address and give the URL; at the end accept nothing more and finish what is in flight."""
    runner = web.AppRunner(application, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.web.host, settings.web.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        await site.stop()
        if not await application[IN_FLIGHT].drain(FINISH_SECONDS):
            log.warning("Some requests took too long to finish; they are cut off.", seconds=FINISH_SECONDS)
    finally:
        await runner.cleanup()
