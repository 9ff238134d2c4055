"""Awaiting side by side. Used wherever delivery writes several records at once, each of them acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable


async def all_of(works: Iterable[Awaitable[object]]) -> None:
    """Await all side by side; once all have ended, raise the first error, if any."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
