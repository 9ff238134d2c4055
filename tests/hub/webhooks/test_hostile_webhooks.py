"""Webhooks that mean ill (bad input K02, K05): a name that rebinds, a body of 1 GB, answers that drip: each a socket of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.contract.control import WebhookFormat
from lineagehub.webhooks import sender as sending
from lineagehub.webhooks.destinations import DestinationRules, ForbiddenDestination
from lineagehub.webhooks.messages import message_of
from lineagehub.webhooks.sender import CheckedResolver, WebhookRefused, WebhookSender, WebhookUnavailable
from tests.support.fixed_resolver import FixedResolver
from tests.support.waiting import wait_until_async

NOW = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
ALERT = Alert(namespace="analytics", kind=AlertKind.QUOTA, level="80", period="2026-01-31", text="81 %", at=NOW)
MESSAGE = message_of(WebhookFormat.SLACK, [ALERT], "", NOW)

GIGABYTE = 1 << 30
SOCKET_BUFFERS = 32 << 20
"""More than the kernel holds of one connection, at both ends."""
DRIP_SECONDS = 0.02
DEADLINE_SECONDS = 20


@dataclass
class HostileServer:
    """Answers each connection with `begin`, then with `again` until `end` bytes are sent or the peer is gone."""

    begin: bytes
    again: bytes
    pause_seconds: float = 0.0
    end: int = GIGABYTE
    port: int = 0
    connections: int = 0
    closed: int = 0
    sent: int = 0

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.begin)
            while self.sent < self.end and not writer.is_closing():
                writer.write(self.again)
                await writer.drain()
                self.sent += len(self.again)
                await asyncio.sleep(self.pause_seconds)
        writer.close()
        self.closed += 1

    async def wait_closed(self) -> None:
        """Wait until no connection is open."""

        async def is_closed() -> bool:
            return self.closed == self.connections

        await wait_until_async(is_closed, DEADLINE_SECONDS, "the connection to be closed")


@contextlib.asynccontextmanager
async def listening(server: HostileServer) -> AsyncIterator[WebhookSender]:
    """Let the server listen; give a sender that trusts its origin."""
    async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listener:
        server.port = listener.sockets[0].getsockname()[1]
        async with WebhookSender(DestinationRules(trusted=frozenset({server.origin}))) as sender:
            yield sender


def head(status: int) -> bytes:
    """Return the head of an answer of 1 GB."""
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode()


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_of_a_body_of_1_gb_nothing_is_read_and_the_connection_is_closed(status: int) -> None:
    server = HostileServer(head(status), b"x" * 65_536)
    async with listening(server) as sender:
        outcome = await _outcome(sender, server)
        await server.wait_closed()
    assert outcome == status
    assert server.sent < SOCKET_BUFFERS


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_a_body_that_drips_for_ever_is_not_waited_for(status: int) -> None:
    server = HostileServer(head(status), b"x", DRIP_SECONDS)
    async with listening(server) as sender:
        assert await _outcome(sender, server) == status
        await server.wait_closed()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-Drip: "], ids=["no status", "a header"])
async def test_a_head_that_drips_is_given_up_at_the_deadline_of_the_whole_request(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sending.TIMEOUT_SECONDS == 5.0
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.5)
    server = HostileServer(begin, b"H" if not begin else b"x", DRIP_SECONDS)
    async with listening(server) as sender:
        with pytest.raises(WebhookUnavailable):
            await sender.send(f"{server.origin}/", MESSAGE)
        await server.wait_closed()


async def test_a_name_that_leads_inside_only_once_the_connection_is_made_is_not_connected_to() -> None:
    server, resolver = HostileServer(head(200), b""), FixedResolver(["8.8.8.8"], ["127.0.0.1"])
    checked = CheckedResolver(resolver)
    async with listening(server):
        assert [one["host"] for one in await checked.resolve("rebinding.example.com")] == ["8.8.8.8"]
        async with sending._session(checked) as session:
            with pytest.raises(ForbiddenDestination):
                await session.post(f"http://rebinding.example.com:{server.port}/", json={})
    assert (len(resolver.asked), server.connections) == (2, 0)


async def _outcome(sender: WebhookSender, server: HostileServer) -> int:
    """Send; return the status that the sender understood."""
    try:
        return await sender.send(f"{server.origin}/", MESSAGE)
    except WebhookRefused as refused:
        return refused.status
    except WebhookUnavailable as unavailable:
        return int(str(unavailable).rstrip(".").rpartition(" ")[2])
