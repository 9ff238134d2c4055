"""Namespaces of OpenLineage: those of jobs, datasets and their other names. An owner nobody has told, so it is Marquez's default one."""

from __future__ import annotations

from lineagehub.store.queries.marquez.instants import instant
from lineagehub.store.queries.marquez.tenant import Data, Tenant

OWNER = "anonymous"

_NAMESPACES = """
SELECT Name, min(CreatedAt) AS Created, max(UpdatedAt) AS Updated
FROM
(
    SELECT toString(JobNamespace) AS Name, CreatedAt, UpdatedAt FROM read_lineage_jobs(ns = {ns:String})
    UNION ALL SELECT toString(DatasetNamespace) AS Name, CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {ns:String})
    UNION ALL
    SELECT AliasNamespace AS Name, d.CreatedAt AS CreatedAt, d.UpdatedAt AS UpdatedAt
    FROM read_lineage_symlinks(ns = {ns:String}) AS s
    INNER JOIN (SELECT DatasetNamespace, DatasetName, CreatedAt, UpdatedAt FROM read_lineage_datasets(ns = {ns:String})) AS d
    ON s.DatasetNamespace = d.DatasetNamespace AND s.DatasetName = d.DatasetName
)
WHERE Name != '' AND ({name:String} = '' OR Name = {name:String})
GROUP BY Name
ORDER BY Name LIMIT {limit:UInt32} OFFSET {offset:UInt32}
"""


async def namespaces_page(tenant: Tenant, limit: int, offset: int) -> list[Data]:
    """Return a page of namespaces, by name."""
    return await _namespaces(tenant, "", limit, offset)


async def namespace_by_name(tenant: Tenant, name: str) -> Data | None:
    """Return a namespace, or None."""
    found = await _namespaces(tenant, name, 1, 0)
    return found[0] if found else None


async def _namespaces(tenant: Tenant, name: str, limit: int, offset: int) -> list[Data]:
    rows = await tenant.select(_NAMESPACES, name=name, limit=limit, offset=offset)
    return [
        {
            "name": row["Name"],
            "createdAt": instant(row["Created"]),
            "updatedAt": instant(row["Updated"]),
            "ownerName": OWNER,
            "description": None,
            "isHidden": False,
        }
        for row in rows
    ]
