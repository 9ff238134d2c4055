"""Tags: those that the `tags` facets of jobs and datasets give now, by their keys. Marquez has those that were made there."""

from __future__ import annotations

import orjson

from lineagehub.store.queries.marquez.tenant import Data, Tenant

_TAGS = """
SELECT DISTINCT Tag
FROM
(
    SELECT Raw FROM read_lineage_job_facets(ns = {ns:String}) WHERE Facet = 'tags'
    UNION ALL SELECT Raw FROM read_lineage_dataset_facets(ns = {ns:String}) WHERE Facet = 'tags'
)
ARRAY JOIN JSONExtract(Raw, 'tags', 'Array(Tuple(key String))').key AS Tag
WHERE Tag != ''
ORDER BY Tag LIMIT {limit:UInt32} OFFSET {offset:UInt32}
"""


async def tags_page(tenant: Tenant, limit: int, offset: int) -> list[Data]:
    """Return a page of tags, by name."""
    rows = await tenant.select(_TAGS, limit=limit, offset=offset)
    return [{"name": row["Tag"], "description": None} for row in rows]


def tag_names(facets: dict[str, str]) -> list[str]:
    """Return the tags of the thing itself, and of none of its fields, that its facets give."""
    tags = orjson.loads(facets["tags"]).get("tags") if "tags" in facets else None
    names = [
        tag["key"]
        for tag in (tags if isinstance(tags, list) else ())
        if isinstance(tag, dict) and isinstance(tag.get("key"), str) and not tag.get("field")
    ]
    return list(dict.fromkeys(names))
