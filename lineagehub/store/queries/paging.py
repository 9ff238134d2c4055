"""Pages of rows by keyset: what the reads of spans, logs and metric points have in common. Called by the queries beside it.

A row's key is its time in nanoseconds and a hash of all the columns that are read. Wholly equal rows have equal keys; nobody can tell
them apart, so a position counts how many of them were served and the next page skips as many. Nothing else is skipped by number: rows
that arrive between two pages move no other row.

A page is read in two steps: the time that bounds it, from the time and the filters' columns alone, then the rows up to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from lineagehub.store.client import ClickHouse

PAGE_BYTES = 8 << 20
"""A page ends early with the row that reaches this, as ClickHouse counts bytes: each item of a request repeats the attributes of its
resource, which may be a megabyte."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last row served: time in nanoseconds, hash, how many rows equal to it were served, and the source that they are of."""

    at: int
    tie: str
    seen: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, each with the name of its source, and the position to go on from; None at the end."""

    rows: list[tuple[str, dict[str, Any]]]
    after: Position | None


@dataclass(slots=True)
class Conditions:
    """Which rows: SQL terms that all hold, and their parameters. A term never holds a value."""

    parameters: dict[str, Any]
    terms: list[str] = field(default_factory=list)

    def add(self, term: str, **parameters: Any) -> None:
        """Add a term with its parameters."""
        self.terms.append(term)
        self.parameters.update(parameters)

    def add_window(self, source: Source, since: int | None, before: int | None) -> None:
        """Add that the time is in [since, before), nanoseconds since the epoch; None is no bound."""
        if since is not None:
            self.add(source.from_time(">", "fromUnixTimestamp64Nano({since:Int64})"), since=since)
        if before is not None:
            last = "fromUnixTimestamp64Nano({before:Int64})"
            self.add(f"{source.time} < {last} AND {source.from_time('<', last)}", before=before)

    @property
    def sql(self) -> str:
        """What stands after WHERE."""
        return " AND ".join(self.terms) or "1"


@dataclass(frozen=True, slots=True)
class Order:
    """A direction in time."""

    keyword: str
    beyond: str
    bound: str
    """An aggregate of the times of a page: the last of them, or what bounds nothing if there are none."""


NEWEST_FIRST = Order("DESC", "<", "min(page_at)")
EARLIEST_FIRST = Order("ASC", ">", "if(count() = 0, fromUnixTimestamp64Nano(9223372036854775807), max(page_at))")


@dataclass(frozen=True, slots=True)
class Source:
    """A read_ view, its time column, and the columns that rows have. `sorted_by` is a function of the time that stands in the table's
    sort key and that ClickHouse does not use for a condition on the time itself."""

    name: str
    view: str
    time: str
    columns: tuple[str, ...]
    sorted_by: str = ""

    def from_time(self, way: str, time: str) -> str:
        """Return the condition that a row's time is `time`, an expression, or lies on the side of it that `way` says."""
        conditions = [f"{self.time} {way}= {time}"]
        if self.sorted_by:
            conditions.append(f"{self.sorted_by.format(self.time)} {way}= {self.sorted_by.format(time)}")
        return " AND ".join(conditions)


def columns_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the columns that fill a model: its members by their names, and for a list of models the Nested column's members."""
    columns: list[str] = []
    for name, info in model.model_fields.items():
        models = [kind for kind in getattr(info.annotation, "__args__", ()) if hasattr(kind, "model_fields")]
        columns += [f"{name}.{member}" for member in columns_of(models[0])] if models else [name]
    return tuple(columns)


async def read_page(
    clickhouse: ClickHouse,
    sources: Sequence[Source],
    conditions: Conditions,
    order: Order,
    limit: int,
    after: Position | None,
) -> Page:
    """Return at most `limit` rows of all sources after the position, in the order of time. Raises errors of error_codes.py."""
    parts = await asyncio.gather(
        *(_read_part(clickhouse, source, conditions, order, limit, after) for source in sources)
    )
    newest_first = order is NEWEST_FIRST
    rows = sorted((row for part in parts for row in part.rows), key=_key, reverse=newest_first)
    # Where a part was cut, rows of the others that lie beyond its end wait until its rest has been read.
    for part in parts:
        if part.cut:
            end = _key(part.rows[-1])
            rows = [row for row in rows if (_key(row) >= end if newest_first else _key(row) <= end)]
    page = rows[:limit]
    is_last = len(page) == sum(len(part.rows) for part in parts) and not any(part.cut for part in parts)
    return Page([(row.source, row.values) for row in page], None if is_last else _position(page, after))


@dataclass(frozen=True, slots=True)
class _Row:
    at: int
    tie: str
    source: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    rows: list[_Row]
    cut: bool


def _key(row: _Row) -> tuple[int, int]:
    return row.at, int(row.tie)


def _position(page: list[_Row], after: Position | None) -> Position:
    last = page[-1]
    seen = sum(1 for row in page if (row.at, row.tie, row.source) == (last.at, last.tie, last.source))
    if after is not None and (after.at, after.tie, after.source) == (last.at, last.tie, last.source):
        seen += after.seen
    return Position(last.at, last.tie, seen, last.source)


async def _read_part(
    clickhouse: ClickHouse, source: Source, conditions: Conditions, order: Order, limit: int, after: Position | None
) -> _Part:
    rows = await clickhouse.select(
        _page_sql(source, conditions, order, after),
        {
            **conditions.parameters,
            "page_limit": limit + 1,
            "page_seen": after.seen if after and after.source == source.name else 0,
            "page_bytes": PAGE_BYTES,
            **({"page_at": after.at, "page_tie": after.tie} if after else {}),
        },
    )
    found = rows[0]["page_rows"] if rows else 0
    return _Part([_row(row, source.name) for row in rows], cut=len(rows) < found)


def _row(columns: dict[str, Any], source: str) -> _Row:
    values: dict[str, Any] = {}
    groups: dict[str, dict[str, list[Any]]] = {}
    for name, value in columns.items():
        group, _, member = name.partition(".")
        if member:
            groups.setdefault(group, {})[member] = value
        elif not name.startswith("page_"):
            values[name] = value
    for group, members in groups.items():
        values[group] = [dict(zip(members, row, strict=True)) for row in zip(*members.values(), strict=True)]
    return _Row(columns["page_at"], columns["page_tie"], source, values)


def _page_sql(source: Source, conditions: Conditions, order: Order, after: Position | None) -> str:
    columns = ", ".join(f"`{column}`" for column in source.columns)
    rows, time, way, beyond = f"{source.view}(ns = {{ns:String}})", source.time, order.keyword, order.beyond
    within = source.from_time(">" if order is NEWEST_FIRST else "<", "page_bound")
    is_beyond = is_after = "1"
    if after is not None:
        position = "fromUnixTimestamp64Nano({page_at:Int64})"
        is_beyond = f"{time} {beyond} {position}"
        is_after = f"{source.from_time(beyond, position)} AND ({is_beyond} OR page_hash {beyond}= {{page_tie:UInt64}})"
    return f"""
WITH (
    SELECT {order.bound}
    FROM (SELECT {time} AS page_at FROM {rows} WHERE {conditions.sql} AND {is_beyond} ORDER BY page_at {way} LIMIT {{page_limit:UInt32}})
) AS page_bound
SELECT {columns}, page_at, page_tie, page_rows
FROM
(
    SELECT
        *,
        toString(page_hash) AS page_tie,
        count() OVER () AS page_rows,
        sum(page_size) OVER (ORDER BY page_at {way}, page_hash {way} ROWS UNBOUNDED PRECEDING) - page_size AS page_preceding
    FROM
    (
        SELECT
            {columns},
            toUnixTimestamp64Nano({time}) AS page_at,
            cityHash64(tuple({columns})) AS page_hash,
            byteSize({columns}) AS page_size
        FROM {rows}
        WHERE {conditions.sql} AND {within} AND {is_after}
        ORDER BY page_at {way}, page_hash {way}
        LIMIT {{page_limit:UInt32}} OFFSET {{page_seen:UInt32}}
    )
)
WHERE page_preceding < {{page_bytes:UInt64}}
ORDER BY page_at {way}, page_hash {way}
"""  # noqa: S608 constants
