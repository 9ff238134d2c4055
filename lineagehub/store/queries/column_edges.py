"""Column edges: from which columns the columns of a dataset come, now or as of a time. Called by column_lineage.py.

The edges of a facet's content are stored once, and its history says which content it had when: the current one is the latest by event
time, for each job that writes the dataset and for each facet that can tell (`columnLineage`, a dataset's `lineage`, a job's `lineage`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Aliases
from lineagehub.store.queries.links import AS_OF, IN_DATASETS, Parameters, chunks, names_of
from lineagehub.store.queries.node_ids import Node

MAXIMUM_EDGES = 200_000

_EDGES = """
SELECT
    DatasetNamespace, DatasetName, JobNamespace, JobName, OutputField, InputNamespace, InputName, InputField,
    Transformations, TransformationType, TransformationDescription
FROM read_lineage_column_edges(ns = {{ns:String}})
WHERE {datasets} AND
    (Source, if(Source = 'job', '', DatasetNamespace), if(Source = 'job', '', DatasetName), JobNamespace, JobName, Hash) IN
    (
        SELECT Source, DatasetNamespace, DatasetName, JobNamespace, JobName, argMax(Hash, EventTime)
        FROM read_lineage_facet_versions(ns = {{ns:String}})
        WHERE (Source = 'job' OR {datasets}) AND {time}
        GROUP BY Source, DatasetNamespace, DatasetName, JobNamespace, JobName
    )
LIMIT {{edges:UInt32}}
"""
_OUTPUTS = (
    "SELECT DISTINCT DatasetNamespace, DatasetName FROM read_lineage_column_outputs(ns = {ns:String})"
    " WHERE (InputNamespace, InputName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"
)


class Column(NamedTuple):
    """A field of a dataset; an empty field is the whole dataset."""

    dataset: Node
    field: str

    @property
    def id(self) -> str:
        """The node id."""
        return (
            f"datasetField:{self.dataset.namespace}:{self.dataset.name}:{self.field}" if self.field else self.dataset.id
        )


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """One column that another is made from. `type` and `description` are the facet's former way to tell the transformation."""

    origin: Column
    destination: Column
    job: tuple[str, str]
    transformations: str
    type: str
    description: str

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The transformations."""
        steps = orjson.loads(self.transformations) if self.transformations else []
        return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []

    @property
    def is_direct(self) -> bool:
        """Tell whether values go over, and not only an influence: a filter, a join, an order."""
        kinds = {step.get("type") for step in self.steps}
        return bool(self.destination.field) and ("DIRECT" in kinds or "INDIRECT" not in kinds)


class ColumnEdges:
    """The column edges of a namespace, read dataset by dataset as they are asked for."""

    def __init__(self, clickhouse: ClickHouse, namespace: str, aliases: Aliases, as_of: datetime | None) -> None:
        self._clickhouse = clickhouse
        self._namespace = namespace
        self._aliases = aliases
        self._as_of = as_of
        self._into: dict[Node, list[ColumnEdge]] = {}
        self.truncated = False

    async def into(self, datasets: Iterable[Node]) -> list[ColumnEdge]:
        """Return the edges into columns of these datasets."""
        wanted = set(datasets)
        await self._read(wanted - self._into.keys())
        return [edge for dataset in sorted(wanted) for edge in self._into[dataset]]

    async def out_of(self, datasets: Iterable[Node]) -> list[ColumnEdge]:
        """Return the edges from columns of these datasets."""
        wanted = set(datasets)
        outputs: set[Node] = set()
        for chunk in chunks(self._all_names(wanted)):
            rows = await self._clickhouse.select(_OUTPUTS, {"ns": self._namespace, **names_of(chunk)})
            outputs |= {self._canonical(row["DatasetNamespace"], row["DatasetName"]) for row in rows}
        return [edge for edge in await self.into(outputs) if edge.origin.dataset in wanted]

    async def _read(self, datasets: set[Node]) -> None:
        self._into.update({dataset: [] for dataset in datasets})
        time = f"EventTime <= {AS_OF}" if self._as_of else "1"
        sql = _EDGES.format(datasets=IN_DATASETS, time=time)
        for chunk in chunks(self._all_names(datasets)):
            parameters: Parameters = {"ns": self._namespace, "edges": MAXIMUM_EDGES, **names_of(chunk)}
            if self._as_of:
                parameters["as_of"] = self._as_of.isoformat()
            rows = await self._clickhouse.select(sql, parameters)
            self.truncated |= len(rows) == MAXIMUM_EDGES
            for row in rows:
                edge = self._edge(row)
                self._into[edge.destination.dataset].append(edge)

    def _all_names(self, datasets: Iterable[Node]) -> list[Node]:
        return [Node("dataset", *name) for dataset in datasets for name in self._aliases.names_of(dataset[1:])]

    def _canonical(self, namespace: str, name: str) -> Node:
        return Node("dataset", *self._aliases.name_of((namespace, name)))

    def _edge(self, row: dict[str, Any]) -> ColumnEdge:
        return ColumnEdge(
            origin=Column(self._canonical(row["InputNamespace"], row["InputName"]), row["InputField"]),
            destination=Column(self._canonical(row["DatasetNamespace"], row["DatasetName"]), row["OutputField"]),
            job=(row["JobNamespace"], row["JobName"]),
            transformations=row["Transformations"],
            type=row["TransformationType"],
            description=row["TransformationDescription"],
        )
