"""The engine behind the event loop: every call of chDB runs on a worker thread, a statement at a time in a session of its own.

An insert that streams holds a session but no thread while its client sends nothing, so slow clients do not stop the others. Data go to
the engine piece by piece; an insert that ends early is cancelled, and then nothing of it is stored. That costs memory for the insert's
rows until it ends; a client that names block sizes of its own gets ClickHouse's rule instead: full blocks stay. Used by server.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from lineagehub.embedded.clickhouse.native import with_revision
from lineagehub.embedded.clickhouse.request import Asked
from lineagehub.embedded.clickhouse.sessions import Sessions, engine_call, open_session, set_parameters
from lineagehub.embedded.clickhouse.statements import Insert, Statement, engine_text

_Result = TypeVar("_Result")
_ONE_BLOCK = dict.fromkeys(
    ("max_insert_block_size", "min_insert_block_size_rows", "min_insert_block_size_bytes"), str(10**12)
)
"""With the engine's own sizes an aborted insert of 8,000,000 rows left 5,242,245 of them; as one block it leaves none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a statement gave: the answer, its format, and what was read and written for it."""

    data: bytes = b""
    format: str = "TabSeparated"
    result_rows: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0


class Engine:
    """chDB on the data directory that is the working directory. Open it once."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="chdb")
        self._sessions = Sessions()
        self._first: Any = None
        self._running = 0

    async def open(self) -> str:
        """Open the data and return the engine's version. Raises EngineError if they cannot be opened."""
        # The engine lives as long as any session does; this one keeps it alive between requests.
        self._first = await self._run(open_session)
        answer = await self._run(engine_call, self._first.query, "SELECT version()", "TabSeparated")
        return bytes(answer.bytes()).decode().strip()

    async def query(self, asked: Asked, statement: Statement) -> Outcome:
        """Run a statement that brings its own data. Raises EngineError."""
        return await self._run(self._query, asked, statement)

    async def insert(self, asked: Asked, insert: Insert, body: AsyncIterator[bytes] | None) -> Outcome:
        """Stream an insert. Raises EngineError, also for a body that is not whole; then nothing of it is stored."""
        stream = await self._run(_InsertStream, self._sessions, asked, insert)
        try:
            await self._run(stream.append, insert.data)
            if body is not None:
                async for piece in body:
                    await self._run(stream.append, piece)
            return await self._run(stream.finish)
        finally:
            await self._run(stream.close)

    def close(self) -> bool:
        """Close the sessions and the engine; return False, and leave them, if a statement still runs."""
        self._threads.shutdown(wait=False)
        if self._running:
            return False
        self._sessions.close()
        if self._first is not None:
            self._first.close()
        return True

    def _query(self, asked: Asked, statement: Statement) -> Outcome:
        answer_format = statement.format or asked.default_format
        parameters = {
            name: engine_text(value.encode(errors="surrogateescape")) for name, value in asked.parameters.items()
        }
        with self._sessions.lease(asked, statement.only_reads) as session:
            result = engine_call(session.query, engine_text(statement.sql), asked.default_format, params=parameters)
            data = bytes(result.bytes() or b"")
        if data and answer_format == "Native" and asked.client_revision:
            data = with_revision(data, asked.client_revision)
        return Outcome(
            data=data,
            format=answer_format,
            result_rows=result.rows_read(),
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
        )

    async def _run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call on a worker thread. If cancelled, wait first: a session must not be closed under a call that uses it."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        self._running += 1
        future.add_done_callback(self._ran)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def _ran(self, future: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not future.cancelled():
            future.exception()  # Taken here too, for a caller that was cancelled.


class _InsertStream:
    """One streamed insert in its session. Its calls come one after another, from whichever thread is free."""

    def __init__(self, sessions: Sessions, asked: Asked, insert: Insert) -> None:
        asked = dataclasses.replace(asked, settings={**_ONE_BLOCK, **asked.settings})
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(sessions.lease(asked, only_reads=False))
            set_parameters(session, asked.parameters)
            self._inserter = engine_call(session.send_insert, engine_text(insert.head), insert.format)
            stack.callback(engine_call, self._inserter.cancel)
            self._stack = stack.pop_all()

    def append(self, piece: bytes) -> None:
        """Give the engine a piece of the data. Raises EngineError."""
        if piece:
            engine_call(self._inserter.append, piece)

    def finish(self) -> Outcome:
        """Store all of it. Raises EngineError; then none of it is stored."""
        result = engine_call(self._inserter.finish)
        return Outcome(written_rows=result.rows_written, written_bytes=result.bytes_written)

    def close(self) -> None:
        """Cancel what was not finished, and give the session back."""
        self._stack.close()
