"""Sources: what the dataSource facets of datasets name, and `default` for the datasets that have none.

Marquez calls every source POSTGRESQL; here the type is the scheme of its connection.
"""

from __future__ import annotations

import re

from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.tenant import Data, Tenant

DEFAULT_SOURCE = "default"
DEFAULT_TYPE = "POSTGRESQL"
_TYPES = {"POSTGRES": "POSTGRESQL", "S3A": "S3", "S3N": "S3"}

DATASET_SOURCES = """
SELECT
    if(f.Source = '', 'default', f.Source) AS Name,
    min(d.CreatedAt) AS Created,
    max(d.UpdatedAt) AS Updated,
    argMax(f.Uri, (f.FacetTime, f.Uri)) AS Connection
FROM (SELECT DatasetNamespace, DatasetName, CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {ns:String})) AS d
LEFT JOIN
(
    SELECT DatasetNamespace, DatasetName, FacetTime, JSONExtractString(Raw, 'name') AS Source, JSONExtractString(Raw, 'uri') AS Uri
    FROM read_lineage_dataset_facets(ns = {ns:String}) WHERE Part = 'facets' AND Facet = 'dataSource'
) AS f ON d.DatasetNamespace = f.DatasetNamespace AND d.DatasetName = f.DatasetName
GROUP BY Name
"""
"""A row a source, with the first and last time that one of its datasets was named."""


async def sources_page(tenant: Tenant, limit: int, offset: int) -> list[Data]:
    """Return a page of sources, by name."""
    rows = await tenant.select(
        f"SELECT * FROM ({DATASET_SOURCES}) ORDER BY Name LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}",  # noqa: S608 a constant
        limit=limit,
        offset=offset,
    )
    return [_source(row) for row in rows]


async def source_by_name(tenant: Tenant, name: str) -> Data | None:
    """Return a source, or None."""
    rows = await tenant.select(f"SELECT * FROM ({DATASET_SOURCES}) WHERE Name = {{name:String}}", name=name)  # noqa: S608 a constant
    return _source(rows[0]) if rows else None


def _source(row: Data) -> Data:
    return {
        "type": _type(row["Connection"]),
        "name": row["Name"],
        "createdAt": instant(row["Created"]),
        "updatedAt": instant(row["Updated"]),
        "connectionUrl": row["Connection"],
        "description": None,
    }


def _type(connection: str) -> str:
    scheme = re.match(r"(?:jdbc:)?([a-z][a-z0-9+.-]*):", connection, re.IGNORECASE)
    name = scheme.group(1).upper() if scheme else DEFAULT_TYPE
    return _TYPES.get(name, name)
