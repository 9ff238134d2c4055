"""One call of the hub: asked in a thread, asked again while that can help, and read. What comes of it is a document or an APIError."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._hub_connection import TRY_AGAIN, HubConnection, Reply
from lineagehub_sdk.errors import APIError, TransportRefused, TransportUnavailable

T = TypeVar("T")

LONGEST_PAUSE_SECONDS = 30.0
"""Who waits for an answer is told, rather than kept waiting, when the hub wants a longer pause."""


class HubCalls:
    """Calls by one configuration, over kept connections."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises APIError for an address or a key that cannot be one."""
        self._retry_attempts, self._retry_delay = config.retry_attempts, config.retry_delay
        try:
            self._connection = HubConnection(config)
        except TransportRefused as error:
            raise APIError(str(error), reason="configuration") from error

    async def read(self, method: str, path: str, read: Callable[[Any], T], body: bytes | None = None) -> T:
        """Return what `read` makes of the answer's document; its LookupError, TypeError or ValueError says that it is no hub's."""
        reply = await self.ask(method, path, body)
        if not 200 <= reply.status < 300:
            raise _refused(reply)
        return read_reply(reply, read)

    async def ask(
        self, method: str, path: str, body: bytes | None = None, *, answers: frozenset[int] = frozenset()
    ) -> Reply:
        """Return the answer to a request, asking again after those that say so, but for statuses that are `answers`.

        Pauses grow from `retry_delay`, or are what the hub says. Cancelled, it stops before the next attempt.
        """
        for attempt in range(self._retry_attempts + 1):
            try:
                reply = await asyncio.to_thread(self._connection.exchange, method, path, body)
                if reply.status in answers or reply.status not in TRY_AGAIN:
                    return reply
                failure = _refused(reply)
            except TransportUnavailable as error:
                failure = APIError(f"{error}. Is LINEAGEHUB_URL right, and the hub up?")
            pause = failure.retry_after_seconds or self._retry_delay * 2**attempt
            if attempt == self._retry_attempts or pause > LONGEST_PAUSE_SECONDS:
                break
            await asyncio.sleep(pause)
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()


def read_reply(reply: Reply, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of an answer's document, or say that no hub answered."""
    try:
        return read(reply.document())
    except (LookupError, TypeError, ValueError) as error:
        detail = f"The answer ({reply.status}) is none of a hub's; is LINEAGEHUB_URL right?"
        raise APIError(detail, reply.status, "no_hub") from error


def _refused(reply: Reply) -> APIError:
    try:
        document = dict(reply.document())
    except (TypeError, ValueError):
        document = {}
    reason = str(document.get("reason") or "no_hub")
    return APIError(reply.describe(), reply.status, reason, reply.wait_seconds(), document)
