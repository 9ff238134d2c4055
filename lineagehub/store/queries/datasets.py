"""One dataset: its facets, its names, its versions, its schemas."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from pydantic import BaseModel

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.aliases import Name, read_aliases
from lineagehub.store.queries.facets import dataset_facets
from lineagehub.store.queries.graph_nodes import lifecycle_of

MAXIMUM_VERSIONS = 1_000
_OF_NAMES = " WHERE (DatasetNamespace, DatasetName) IN (SELECT arrayJoin(arrayZip({namespaces:Array(String)}, {names:Array(String)})))"


class DatasetName(BaseModel):
    """A dataset by namespace and name."""

    namespace: str
    name: str


class SchemaVersion(BaseModel):
    """A schema that the dataset has had: its fields as they were sent, and when and by which run it was seen first and last."""

    hash: str
    fields: list[Any]
    firstSeenAt: str  # noqa: N815 our own answers are in camelCase
    firstSeenBy: str | None  # noqa: N815
    lastSeenAt: str  # noqa: N815
    lastSeenBy: str | None  # noqa: N815


class DatasetVersion(BaseModel):
    """What one run wrote. `version` is the producer's, `schemaHash` of a SchemaVersion."""

    runId: str  # noqa: N815
    jobNamespace: str  # noqa: N815
    jobName: str  # noqa: N815
    createdAt: str  # noqa: N815
    version: str | None
    schemaHash: str | None  # noqa: N815
    lifecycleState: str | None  # noqa: N815


class Dataset(BaseModel):
    """A dataset as its events tell of it, under all of its names. Statistics and quality are the latest of each facet."""

    namespace: str
    name: str
    aliases: list[DatasetName]
    createdAt: str | None  # noqa: N815
    updatedAt: str | None  # noqa: N815
    lifecycleState: str | None  # noqa: N815
    facets: dict[str, Any]
    inputFacets: dict[str, Any]  # noqa: N815
    outputFacets: dict[str, Any]  # noqa: N815
    schemas: list[SchemaVersion]
    versions: list[DatasetVersion]


async def dataset_by_name(clickhouse: ClickHouse, namespace: str, dataset: Name) -> Dataset | None:
    """Return a dataset of the namespace by any of its names, or None. Schemas and versions: the latest first, MAXIMUM_VERSIONS at most."""
    aliases = await read_aliases(clickhouse, namespace)
    canonical, names = aliases.name_of(dataset), aliases.names_of(dataset)
    parameters = {"ns": namespace, "namespaces": [name[0] for name in names], "names": [name[1] for name in names]}
    rows, facets, schemas, versions = await asyncio.gather(
        clickhouse.select(
            f"SELECT CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {{ns:String}}){_OF_NAMES}",  # noqa: S608 a constant
            parameters,
        ),
        dataset_facets(clickhouse, namespace, names),
        clickhouse.select(
            "SELECT Hash, any(Fields) AS Fields, min(FirstSeen) AS First, max(LastSeen) AS Last"  # noqa: S608 a constant
            f" FROM read_lineage_schema_versions(ns = {{ns:String}}){_OF_NAMES}"
            f" GROUP BY Hash ORDER BY Last DESC, Hash LIMIT {MAXIMUM_VERSIONS}",
            parameters,
        ),
        clickhouse.select(
            "SELECT RunId, JobNamespace, JobName, CreatedAt, Version.2 AS Version, SchemaHash.2 AS SchemaHash,"  # noqa: S608 a constant
            f" Lifecycle.2 AS Lifecycle FROM read_lineage_dataset_versions(ns = {{ns:String}}){_OF_NAMES}"
            f" ORDER BY CreatedAt DESC, RunId LIMIT {MAXIMUM_VERSIONS}",
            parameters,
        ),
    )
    if not rows:
        return None
    return Dataset(
        namespace=canonical[0],
        name=canonical[1],
        aliases=[DatasetName(namespace=name[0], name=name[1]) for name in names if name != canonical],
        createdAt=min(row["CreatedAt"] for row in rows),
        updatedAt=max(row["UpdatedAt"] for row in rows),
        lifecycleState=lifecycle_of(facets["facets"].get("lifecycleStateChange")),
        **facets,
        schemas=[_schema(row) for row in schemas],
        versions=[_version(row) for row in versions],
    )


def _schema(row: dict[str, Any]) -> SchemaVersion:
    fields = orjson.loads(row["Fields"])
    return SchemaVersion(
        hash=row["Hash"],
        fields=fields if isinstance(fields, list) else [],
        firstSeenAt=row["First"][0],
        firstSeenBy=row["First"][1] or None,
        lastSeenAt=row["Last"][0],
        lastSeenBy=row["Last"][1] or None,
    )


def _version(row: dict[str, Any]) -> DatasetVersion:
    return DatasetVersion(
        runId=row["RunId"],
        jobNamespace=row["JobNamespace"],
        jobName=row["JobName"],
        createdAt=row["CreatedAt"],
        version=row["Version"] or None,
        schemaHash=row["SchemaHash"] or None,
        lifecycleState=row["Lifecycle"] or None,
    )
