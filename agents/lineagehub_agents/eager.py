"""Eager coroutines: run one at once, up to its first real wait, without a task. Used by kafka_transport.py, for every record.

asyncio has this from Python 3.12 on (`eager_task_factory`), for whole tasks only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any


class Begun(Awaitable[Any]):
    """The rest of a coroutine that has begun to wait for `waits_for`. Await it once."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        """Go on as the coroutine itself would have."""
        waits_for = self._waits_for
        try:
            while True:
                try:
                    answer = yield waits_for
                except BaseException as error:
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(answer)
        except StopIteration as end:
            return end.value


def begin(coroutine: Coroutine[Any, Any, Any]) -> Begun | None:
    """Run `coroutine` until it ends (None) or waits (the rest of it, to be awaited). Raises what it raises."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return None
    return Begun(coroutine, waits_for)
