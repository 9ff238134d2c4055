"""A TCP proxy that can be cut: how a test takes a broker away for a while without losing what it holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.support.broker import HOST, EmbeddedBroker, free_port, start_embedded_broker

CHUNK_BYTES = 65_536


class Proxy:
    """Forwards connections from `port` to `target_port` of `target_host`, until cut."""

    def __init__(self, port: int, target_port: int, target_host: str = HOST) -> None:
        self._port = port
        self._target_port = target_port
        self._target_host = target_host
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._bytes_left: int | None = None
        self._may_go_on = asyncio.Event()

    def stall_after(self, count: int) -> None:
        """Forward this many more bytes to the target, about, and then nothing until resumed. Answers still come back."""
        self._bytes_left = count
        self._may_go_on.clear()

    def resume(self) -> None:
        """Forward what was held back, and everything after it."""
        self._bytes_left = None
        self._may_go_on.set()

    async def restore(self) -> None:
        """Listen and forward."""
        self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def cut(self) -> None:
        """Refuse connections and drop those that there are. May be repeated."""
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            target_reader, target_writer = await asyncio.open_connection(self._target_host, self._target_port)
            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(_copy(reader, target_writer, self._may_pass))
                    ways.create_task(_copy(target_reader, writer))
            finally:
                target_writer.close()
        except (OSError, asyncio.CancelledError):
            # The task is the server's: nobody awaits it, so its end is not reported.
            pass
        finally:
            writer.close()
            self._connections.discard(task)

    async def _may_pass(self, chunk: bytes) -> None:
        if self._bytes_left is not None:
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                await self._may_go_on.wait()


async def _pass(chunk: bytes) -> None:
    """Let every chunk pass."""


async def _copy(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    may_pass: Callable[[bytes], Awaitable[None]] = _pass,
) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            await may_pass(chunk)
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxied_broker() -> AsyncIterator[tuple[EmbeddedBroker, Proxy]]:
    """Start an embedded broker whose clients all come through a proxy."""
    port = free_port()
    with start_embedded_broker(advertised_port=port) as broker:
        proxy = Proxy(port, broker.port)
        await proxy.restore()
        try:
            yield broker, proxy
        finally:
            await proxy.cut()
