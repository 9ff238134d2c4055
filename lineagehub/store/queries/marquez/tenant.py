"""One tenant's lineage: the store, the hub's namespace that every query is bound to, and which of its datasets have several names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases, Name, read_aliases
from lineagehub.store.queries.links import chunks, names_of
from lineagehub.store.queries.node_ids import Node

Value = str | int | Sequence[str] | Sequence[int]
Data = dict[str, Any]
Rows = list[dict[str, Any]]

IDS_AT_ONCE = 400
"""Run ids asked for in one query: they travel in the URL."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """What the reads of one request have in common."""

    clickhouse: ClickHouse
    namespace: str
    aliases: Aliases

    async def select(self, sql: str, **parameters: Value) -> Rows:
        """Return the rows of a query over views that take `{ns:String}`."""
        return await self.clickhouse.select(sql, {"ns": self.namespace, **parameters})

    async def select_for(self, sql: str, nodes: Iterable[Node], **parameters: Value) -> Rows:
        """Return the rows of a query that names nodes by IN_JOBS or IN_DATASETS, asked as often as it takes."""
        rows: Rows = []
        for chunk in chunks(nodes):
            rows += await self.select(sql, **names_of(chunk), **parameters)
        return rows

    async def select_for_runs(self, sql: str, run_ids: Iterable[str], **parameters: Value) -> Rows:
        """Return the rows of a query that names runs by `{runs:Array(String)}`, asked as often as it takes."""
        wanted = sorted(set(run_ids))
        rows: Rows = []
        for first in range(0, len(wanted), IDS_AT_ONCE):
            rows += await self.select(sql, runs=wanted[first : first + IDS_AT_ONCE], **parameters)
        return rows

    def all_names(self, datasets: Iterable[Name]) -> list[Node]:
        """Return every name of these datasets, as nodes to ask for."""
        return [Node("dataset", *name) for dataset in set(datasets) for name in self.aliases.names_of(dataset)]


async def open_tenant(clickhouse: ClickHouse, namespace: str) -> Tenant:
    """Return the tenant of the hub's namespace."""
    return Tenant(clickhouse, namespace, await read_aliases(clickhouse, namespace))


def name_id(name: Name) -> Data:
    """Return a name as Marquez writes the ids of jobs and datasets."""
    return {"namespace": name[0], "name": name[1]}
