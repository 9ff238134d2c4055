"""A receiver of webhooks on loopback, for tests. `/services/…` answers as Slack's incoming webhooks are documented to; `/json` takes JSON.

Slack itself cannot run here: this is a strict stand-in, which takes only what Slack's documentation says that it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SLACK_MEMBERS = {"text", "blocks", "attachments", "thread_ts", "mrkdwn", "unfurl_links", "unfurl_media"}
SLACK_TEXT_CHARACTERS = 40_000


@dataclass
class Received:
    """One request that came in, and what it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class WebhookServer:
    """What it has received; `answers` are given to the next requests instead of the usual ones: status and headers."""

    origin: str
    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def slack(self) -> str:
        """The URL of one of Slack's incoming webhooks."""
        return f"{self.origin}/services/T0/B0/secret"

    @property
    def json(self) -> str:
        """The URL that takes JSON."""
        return f"{self.origin}/json"

    @property
    def taken(self) -> list[Received]:
        """What was answered 2xx."""
        return [one for one in self.received if 200 <= one.status < 300]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        status, text = 200, "ok"
        headers: dict[str, str] = {}
        if self.answers:
            status, headers = self.answers.pop(0)
            text = "told to"
        elif request.path.startswith("/services/"):
            status, text = _slack_answer(request, body)
        self.received.append(Received(request.path, dict(request.headers), body, status))
        return web.Response(status=status, text=text, headers=headers)

    async def drip(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 at once, and then a body that never ends."""
        await request.read()
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
        return response

    async def silence(self, request: web.Request) -> web.StreamResponse:
        """Answer nothing until the test ends."""
        await self.hold.wait()
        return web.Response()


def _slack_answer(request: web.Request, body: bytes) -> tuple[int, str]:
    if request.method != "POST" or request.content_type != "application/json":
        return 400, "invalid_payload"
    try:
        document = json.loads(body)
    except ValueError:
        return 400, "invalid_payload"
    if not isinstance(document, dict) or set(document) - SLACK_MEMBERS:
        return 400, "invalid_payload"
    text = document.get("text")
    if not isinstance(text, str) or not text:
        return 400, "no_text"
    return (400, "invalid_payload") if len(text) > SLACK_TEXT_CHARACTERS else (200, "ok")


@contextlib.asynccontextmanager
async def webhook_server() -> AsyncIterator[WebhookServer]:
    """Run one on a free port."""
    application = web.Application()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    server = WebhookServer("")
    application.add_routes(
        [
            web.post("/drip", server.drip),
            web.post("/silence", server.silence),
            web.route("*", "/{rest:.*}", server.answer),
        ]
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.hold.set()
        await runner.cleanup()
