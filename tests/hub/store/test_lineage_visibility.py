"""In which order the tables derived from one insert become visible: what announces a run comes after what the run did."""

from __future__ import annotations

import os
import uuid
from typing import Any

from lineagehub.store.client import ClickHouse
from tests.hub.store.conftest import insert_events

ANNOUNCE = {"lineage_runs", "lineage_job_runs", "lineage_jobs"}
NEWEST_PARTS = """
SELECT table, argMax(path, max_block_number) AS path FROM system.parts
WHERE database = currentDatabase() AND startsWith(table, 'lineage_') AND min_block_number = max_block_number
GROUP BY table
"""


async def test_runs_and_jobs_become_visible_after_all_that_their_events_say(clickhouse: ClickHouse) -> None:
    before = await _parts(clickhouse)
    await insert_events(clickhouse, "visible", [_event()])
    new = {table: path for table, path in (await _parts(clickhouse)).items() if before.get(table) != path}
    # A part's directory gets its name when the part becomes visible.
    moments = {table: os.stat(path).st_ctime_ns for table, path in new.items()}
    assert {"lineage_run_datasets", "lineage_dataset_jobs", "lineage_schema_versions", "lineage_run_facets"} < set(
        moments
    )
    assert set(moments) >= ANNOUNCE
    assert max(moments[table] for table in set(moments) - ANNOUNCE) <= min(moments[table] for table in ANNOUNCE)


async def _parts(clickhouse: ClickHouse) -> dict[str, str]:
    return {row["table"]: row["path"] for row in await clickhouse.select(NEWEST_PARTS)}


def _event() -> dict[str, Any]:
    facet = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}
    schema = {**facet, "fields": [{"name": "id"}]}
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-24T10:00:00Z",
        "run": {
            "runId": str(uuid.uuid4()),
            "facets": {"nominalTime": {**facet, "nominalStartTime": "2026-11-24T10:00:00Z"}},
        },
        "job": {"namespace": "visible", "name": "job"},
        "inputs": [{"namespace": "visible", "name": "in", "facets": {"schema": schema}}],
        "outputs": [{"namespace": "visible", "name": "out", "facets": {"schema": schema}}],
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
