"""Knows how many requests are being handled, so that a process told to stop can finish them.

aiohttp's own shutdown stops reading from every connection at once: a request whose body is still on its way would be
lost. serve.py waits here first, and connections that are kept alive are closed after their answer meanwhile.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler


class RequestsInFlight:
    """The requests between their headers and their answer."""

    def __init__(self) -> None:
        self.draining = False
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def begin(self) -> None:
        """Count one more."""
        self._count += 1
        self._none.clear()

    def end(self) -> None:
        """Count one less."""
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until none is left, at most `timeout_seconds`; return whether that is so."""
        self.draining = True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True


IN_FLIGHT = web.AppKey("requests_in_flight", RequestsInFlight)


@web.middleware
async def count_in_flight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request while it is handled."""
    in_flight = request.app[IN_FLIGHT]
    in_flight.begin()
    try:
        response = await handler(request)
    finally:
        in_flight.end()
    if in_flight.draining:
        response.force_close()
    return response
