"""Which chDB session a statement runs in, and what holds in it: database, settings, read-only.

A request gets a fresh session, closed behind it, so that nothing it set, used or created there can reach another: opening one costs
0.3 ms more than keeping it (0.9 ms with its settings, against 0.6 ms), and 20,000 of them left no memory behind. A request with a
`session_id` gets that session, and its URL's settings are put back after it. Everything here blocks: call it on a worker thread.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lineagehub.embedded.clickhouse.errors import EngineError, refusal
from lineagehub.embedded.clickhouse.request import Asked, NamedSession
from lineagehub.embedded.clickhouse.statements import engine_text

PATH = "chdb"
"""Below the working directory, which is the data directory: chDB takes `?` and `&` in a path for options of its own."""


@dataclass
class _Kept:
    session: Any
    expires_at: float
    in_use: bool = True


class Sessions:
    """The sessions of one data directory. `lease` may be called by several threads at once."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def lease(self, asked: Asked, only_reads: bool) -> Iterator[Any]:
        """Yield a session in which the request's database, settings and read-only hold. Raises EngineError."""
        if asked.session is None:
            with contextlib.closing(open_session()) as session:
                read_only = {"readonly": str(asked.read_only)} if asked.read_only else {}
                _apply(session, asked.database, {**asked.settings, **read_only})
                yield session
            return
        if asked.read_only and not only_reads:
            # A session cannot take `readonly` back, so in a kept one it is the statement that is judged.
            raise refusal(164, "READONLY", "Cannot execute query in readonly mode.")
        with self._named(asked.session) as session, _put_back(session, asked):
            _apply(session, asked.database, asked.settings)
            yield session

    def close(self) -> None:
        """Close the kept sessions."""
        with self._lock:
            for kept in self._kept.values():
                kept.session.close()
            self._kept.clear()

    @contextlib.contextmanager
    def _named(self, wanted: NamedSession) -> Iterator[Any]:
        with self._lock:
            self._close_expired()
            kept = self._kept.get(wanted.name)
            if kept is None and wanted.must_exist:
                raise refusal(372, "SESSION_NOT_FOUND", f"Session {wanted.name[:100]} is not found or has expired.")
            if kept is not None and kept.in_use:
                raise refusal(373, "SESSION_IS_LOCKED", f"Session {wanted.name[:100]} runs another statement.")
            if kept is None:
                kept = self._kept[wanted.name] = _Kept(open_session(), 0.0)
            kept.in_use = True
        try:
            yield kept.session
        finally:
            with self._lock:
                kept.in_use = False
                kept.expires_at = time.monotonic() + wanted.seconds

    def _close_expired(self) -> None:
        now = time.monotonic()
        for name, kept in list(self._kept.items()):
            if not kept.in_use and kept.expires_at <= now:
                del self._kept[name]
                kept.session.close()


def open_session() -> Any:
    """Return a new session. Raises EngineError if the data cannot be opened."""
    from chdb.session import Session

    return engine_call(Session, PATH)


def engine_call(function: Any, *arguments: Any, **named: Any) -> Any:
    """Call chDB; its errors become EngineError."""
    try:
        return function(*arguments, **named)
    except RuntimeError as error:
        raise EngineError(str(error)) from error


def set_parameters(session: Any, parameters: Mapping[str, str]) -> None:
    """Bind `{x:Type}` for an insert, which unlike a query takes no parameters with it."""
    _set(session, {f"param_{name}": value for name, value in parameters.items()})


def _apply(session: Any, database: str, settings: Mapping[str, str]) -> None:
    if database:
        engine_call(session.query, f"USE {_quoted(database, '`')}")
    _set(session, settings)


@contextlib.contextmanager
def _put_back(session: Any, asked: Asked) -> Iterator[None]:
    """Remember what the request is about to change in a kept session, and restore it."""
    database = _read(session, "SELECT currentDatabase()")[0][0] if asked.database else ""
    names = ", ".join(_quoted(name, "'") for name in asked.settings)
    query = f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})"  # noqa: S608 quoted
    before = _read(session, query) if names else []
    try:
        yield
    finally:
        _apply(session, database, {name: value for name, value, changed in before if changed})
        defaults = ", ".join(f"{name} = DEFAULT" for name, _, changed in before if not changed)
        if defaults:
            engine_call(session.query, f"SET {defaults}")


def _read(session: Any, query: str) -> list[list[Any]]:
    answer = bytes(engine_call(session.query, query, "JSONCompactEachRow").bytes() or b"")
    return [json.loads(line) for line in answer.splitlines()]


def _set(session: Any, settings: Mapping[str, str]) -> None:
    for name in settings:
        if not (name.isidentifier() and name.isascii()):
            raise refusal(115, "UNKNOWN_SETTING", f"Unknown setting {name[:50]!r}.")
    if settings:
        assignments = ", ".join(f"{name} = {_quoted(value, chr(39))}" for name, value in settings.items())
        engine_call(session.query, f"SET {assignments}")


def _quoted(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    return mark + engine_text(escaped.encode(errors="surrogateescape")) + mark
