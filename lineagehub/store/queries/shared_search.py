"""Search over the own jobs and datasets and the datasets that others share, by name, in pages. Called by `GET /api/v1/search?scope=shared`.

What others share is asked for by the entries of their records, in ClickHouse: nothing else of theirs is read, counted or passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from lineagehub.contract.sharing import SharedDataset
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.graph_nodes import member, members
from lineagehub.store.queries.links import CHUNK_LENGTH, Parameters, chunks
from lineagehub.store.queries.node_ids import Node
from lineagehub.store.queries.search import WANTED, SearchPage, SearchResult, Wanted, own_rows

Place = tuple[str, str, str, str]
"""The last result served: name, type, namespace, and who shares it, which is empty for the own."""
Shared = Mapping[str, Sequence[SharedDataset]]
"""What each tenant shares, a dataset by one entry only."""

MAXIMUM_SELECTS = 100
"""Tenants asked in one statement at most."""

_KEY = ("name", "type", "namespace", "sharer")
_SHARED = (
    "SELECT 'DATASET' AS type, DatasetNamespace AS namespace, DatasetName AS name, NULL AS updatedAt, {{t{n}:String}} AS sharer"  # noqa: S608 constants
    " FROM read_lineage_datasets(ns = {{t{n}:String}})"
    f" {WANTED.replace('{', '{{').replace('}', '}}')}"
    " AND ((DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({{n{n}:Array(String)}}, {{d{n}:Array(String)}})))"
    " OR arrayExists((one, start) -> DatasetNamespace = one AND startsWith(DatasetName, start),"
    " {{m{n}:Array(String)}}, {{p{n}:Array(String)}}))"
)
_FACETS = (
    "SELECT {{t{n}:String}} AS tenant, DatasetNamespace AS namespace, DatasetName AS name, Facet, Raw"
    " FROM read_lineage_dataset_facets(ns = {{t{n}:String}})"
    " WHERE Part = 'facets' AND Facet IN ('documentation', 'ownership')"
    " AND (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({{n{n}:Array(String)}}, {{d{n}:Array(String)}})))"
)
_AFTER = "(name, type, namespace, sharer) > ({after_name:String}, {after_type:String}, {after_namespace:String}, {after_sharer:String})"

Rows = list[dict[str, Any]]
Select = tuple[str, Parameters]
"""One statement and its parameters."""


async def shared_search(
    clickhouse: ClickHouse, namespace: str, shared: Shared, wanted: Wanted, limit: int, after: Place | None
) -> tuple[SearchPage, Place | None]:
    """Return a page after the place, without its cursor, and the place to go on from; None at the end."""
    selects = [_own(namespace, wanted), *_shared(shared, wanted)]
    beyond = "1"
    places: Parameters = {}
    if after is not None:
        beyond = _AFTER
        places = dict(zip(("after_name", "after_type", "after_namespace", "after_sharer"), after, strict=True))
    order = ", ".join(_KEY)
    answers = await asyncio.gather(
        *(
            clickhouse.select(
                f"SELECT * FROM ({sql}) WHERE {beyond} ORDER BY {order} LIMIT {{page:UInt32}}",  # noqa: S608 constants
                {**parameters, **places, "page": limit + 1},
            )
            for sql, parameters in selects
        )
    )
    totals = await asyncio.gather(
        *(clickhouse.select(f"SELECT count() AS total FROM ({sql})", parameters) for sql, parameters in selects)  # noqa: S608 constants
    )
    rows = sorted((row for answer in answers for row in answer), key=lambda row: [row[member] for member in _KEY])
    results = await _results(clickhouse, namespace, rows[:limit])
    page = SearchPage(totalCount=sum(total[0]["total"] for total in totals), results=results)
    if len(rows) <= limit:
        return page, None
    last = rows[limit - 1]
    return page, (last["name"], last["type"], last["namespace"], last["sharer"])


def _own(namespace: str, wanted: Wanted) -> Select:
    sql = f"SELECT *, '' AS sharer FROM ({own_rows(wanted)})"  # noqa: S608 constants
    return sql, {"ns": namespace, "q": wanted.text, "namespace": wanted.namespace}


def _shared(shared: Shared, wanted: Wanted) -> list[Select]:
    if wanted.kind == "job":
        return []
    parts: list[Parameters] = []
    for tenant, entries in sorted(shared.items()):
        by_name = {
            Node("dataset", one.namespace, one.name): one for one in entries if wanted.namespace in ("", one.namespace)
        }
        for chunk in chunks(by_name):
            exact = [node for node in chunk if by_name[node].prefix is None]
            starts = [(node.namespace, by_name[node].prefix or "") for node in chunk if node not in exact]
            parts.append(
                {"t": tenant, **_of_names(exact), "m": [one[0] for one in starts], "p": [one[1] for one in starts]}
            )
    every: Parameters = {"q": wanted.text, "namespace": wanted.namespace}
    return [(sql, parameters | every) for sql, parameters in _unions(_SHARED, parts)]


def _of_names(datasets: Sequence[Node]) -> dict[str, list[str]]:
    return {"n": [one.namespace for one in datasets], "d": [one.name for one in datasets]}


def _unions(template: str, parts: Sequence[Parameters]) -> list[Select]:
    """Return statements that ask for all of these parts, as many in one as its URL has room for."""
    selects: list[Select] = []
    room = 0
    for number, part in enumerate(parts):
        length = sum(
            len(text) for value in part.values() for text in (value if isinstance(value, list) else [str(value)])
        )
        numbered: Parameters = {f"{name}{number}": value for name, value in part.items()}
        sql = template.format(n=number)
        if length > room or number % MAXIMUM_SELECTS == 0:
            selects.append((sql, numbered))
            room = CHUNK_LENGTH
        else:
            selects[-1] = f"{selects[-1][0]} UNION ALL {sql}", selects[-1][1] | numbered
        room -= length
    return selects


async def _results(clickhouse: ClickHouse, namespace: str, rows: Rows) -> list[SearchResult]:
    """Return the results of these rows, datasets with what their facets say of them."""
    datasets: dict[str, list[Node]] = {}
    for row in rows:
        if row["type"] == "DATASET":
            datasets.setdefault(row["sharer"] or namespace, []).append(_node(row))
    parts: list[Parameters] = [
        {"t": tenant, **_of_names(chunk)} for tenant, nodes in sorted(datasets.items()) for chunk in chunks(nodes)
    ]
    facets: dict[tuple[str, Node], dict[str, str]] = {}
    selects = _unions(_FACETS, parts)
    for answer in await asyncio.gather(*(clickhouse.select(sql, parameters) for sql, parameters in selects)):
        for row in answer:
            key = row["tenant"], Node("dataset", row["namespace"], row["name"])
            facets.setdefault(key, {})[row["Facet"]] = row["Raw"]
    return [_result(row, facets.get((row["sharer"] or namespace, _node(row)), {})) for row in rows]


def _node(row: dict[str, Any]) -> Node:
    return Node("job" if row["type"] == "JOB" else "dataset", row["namespace"], row["name"])


def _result(row: dict[str, Any], facets: dict[str, str]) -> SearchResult:
    return SearchResult(
        type=row["type"],
        name=row["name"],
        updatedAt=row["updatedAt"],
        namespace=row["namespace"],
        nodeId=_node(row).id,
        sharedBy=row["sharer"] or None,
        description=member(facets, "documentation", "description"),
        owners=[
            owner["name"] for owner in members(facets, "ownership", "owners") if isinstance(owner.get("name"), str)
        ],
    )
