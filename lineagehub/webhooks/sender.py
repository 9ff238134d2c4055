"""Sends one message to one webhook, once. Follows no redirect, uses no proxy, keeps no cookie and nothing of the answer but its status.

Every address of the host is looked at where the connection is made, and the connection goes to the addresses that were looked at: a
name that leads elsewhere a moment later changes nothing. Repeating is the caller's (agents/alerts/outbox.py).
"""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from lineagehub.errors import LineageHubError, Retryable
from lineagehub.webhooks.destinations import (
    DestinationRules,
    ForbiddenDestination,
    is_trusted,
    require_destination,
    require_public_address,
)
from lineagehub.webhooks.messages import Message

TIMEOUT_SECONDS = 5.0
MAXIMUM_HEADER_BYTES = 8_190
LONGEST_RETRY_AFTER_SECONDS = 3_600.0
RETRYABLE_STATUSES = frozenset({408, 425, 429})


class WebhookRefused(LineageHubError):
    """The webhook answered that this message will not do. `status` is HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The webhook answered {status}.")
        self.status = status


class WebhookUnavailable(Retryable):
    """The webhook did not answer, or asked for another try later."""


class CheckedResolver(AbstractResolver):
    """Gives the addresses of a host if all of them are public."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Called by aiohttp when it connects. Raises ForbiddenDestination."""
        found = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
        for one in found:
            require_public_address(one["host"])
        return found

    async def close(self) -> None:
        """See AbstractResolver."""
        await self._resolver.close()


class WebhookSender:
    """Sends messages; calls may be concurrent. `resolver` is the system's when left out, and is asked of public hosts only."""

    def __init__(self, rules: DestinationRules, resolver: AbstractResolver | None = None) -> None:
        self._rules = rules
        self._resolver = resolver
        self._public: aiohttp.ClientSession | None = None
        self._trusted: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._public = _session(CheckedResolver(self._resolver))
        self._trusted = _session(ThreadedResolver())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for session in (self._public, self._trusted):
            if session is not None:
                await session.close()

    async def send(self, url: str, message: Message) -> int:
        """Post the message; return the status, which is 2xx. Takes 5 s at most.

        Raises ForbiddenDestination, WebhookRefused for an answer that a repeat does not change (a redirect is one), and
        WebhookUnavailable, with the seconds that a Retry-After asks for.
        """
        target = require_destination(url, self._rules)
        session = self._trusted if is_trusted(target, self._rules) else self._public
        assert session is not None, "it was entered"
        try:
            answer = await session.post(target, data=message.body, headers=message.headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            forbidden = _forbidden_within(error)
            if forbidden is not None:
                raise forbidden from error
            raise WebhookUnavailable(f"The webhook does not answer ({type(error).__name__}).") from error
        # The body is not read, however long it is.
        answer.close()
        if 200 <= answer.status < 300:
            return answer.status
        if answer.status in RETRYABLE_STATUSES or answer.status >= 500:
            raise WebhookUnavailable(
                f"The webhook answered {answer.status}.", retry_after_seconds(answer.headers.get("Retry-After", ""))
            )
        raise WebhookRefused(answer.status)


def retry_after_seconds(text: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, an hour at most; None for none and for what is none."""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True, limit=50),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "LineageHub", "Accept-Encoding": "identity"},
        trust_env=False,
        max_line_size=MAXIMUM_HEADER_BYTES,
        max_field_size=MAXIMUM_HEADER_BYTES,
    )


def _forbidden_within(error: BaseException) -> ForbiddenDestination | None:
    """Return what our resolver raised, which aiohttp may have wrapped."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ForbiddenDestination):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
