"""Marquez's reads on every event of the corpus at once, the odd ones too: each thing that a list names is there, whole and of its shape."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import orjson
import pytest

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.marquez.column_lineage import column_graph
from lineagehub.store.queries.marquez.dataset_versions import dataset_version_by_id, dataset_versions_page
from lineagehub.store.queries.marquez.datasets import datasets_page
from lineagehub.store.queries.marquez.full_text import search_datasets, search_jobs
from lineagehub.store.queries.marquez.graph import marquez_graph
from lineagehub.store.queries.marquez.jobs import job_by_name, job_versions, jobs_page
from lineagehub.store.queries.marquez.namespaces import namespaces_page
from lineagehub.store.queries.marquez.run_lineage import upstream_runs
from lineagehub.store.queries.marquez.runs import facets_of_run, job_facets_of_run
from lineagehub.store.queries.marquez.sources import sources_page
from lineagehub.store.queries.marquez.stats import event_counts, hours_of_day, totals
from lineagehub.store.queries.marquez.tags import tags_page
from lineagehub.store.queries.marquez.tenant import Data, open_tenant
from lineagehub.store.queries.node_ids import NodeId
from tests.hub.store.conftest import insert_rows, landing_row
from tests.support.corpus import require_corpus
from tests.support.lineage_corpus import accepted_events
from tests.support.lineage_samples import fresh

LOOKED_AT = 6
"""Things of each kind that are read one by one."""


@pytest.mark.slow
async def test_all_that_the_corpus_names_is_answered(clickhouse: ClickHouse) -> None:
    odd = [file.read_bytes() for file in sorted((require_corpus() / "openlineage-edge").glob("*.json"))]
    told = fresh("corpus")
    rows = [landing_row(told, value, uuid.uuid4().hex) for value in (*accepted_events(), *odd)]
    await insert_rows(clickhouse, rows)
    tenant = await open_tenant(clickhouse, told)

    namespaces = [item["name"] for item in await namespaces_page(tenant, 10_000, 0)]
    jobs, job_count = await jobs_page(tenant, None, [], 10_000, 0)
    assert len({(job["namespace"], job["name"]) for job in jobs}) == job_count == len(jobs) > 100
    assert {job["namespace"] for job in jobs} <= {*namespaces, ""}
    datasets: list[Data] = []
    for namespace in namespaces:
        page, count = await datasets_page(tenant, namespace, 10_000, 0)
        assert len(page) == count
        datasets += page
    assert len(datasets) > 100
    orjson.dumps([jobs, datasets])

    # No path and no node id leads to an empty name.
    named = [job for job in jobs if job["namespace"] and job["name"]]
    for job in named[:: len(named) // LOOKED_AT]:
        name = job["namespace"], job["name"]
        one = await job_by_name(tenant, name)
        assert one is not None
        assert one["inputs"] == job["inputs"]
        versions = await job_versions(tenant, name)
        assert job["currentVersion"] is None or job["currentVersion"] in {item["version"] for item in versions}
        graph = await marquez_graph(tenant, NodeId.parse(f"job:{name[0]}:{name[1]}"), 1)
        assert graph is not None
        assert f"job:{name[0]}:{name[1]}" in {node["id"] for node in graph["graph"]}
        if job["latestRun"]:
            run_id = job["latestRun"]["id"]
            assert await facets_of_run(tenant, run_id) is not None
            assert await job_facets_of_run(tenant, run_id) is not None
            assert await upstream_runs(tenant, run_id, 3) is not None
    for dataset in datasets[:: len(datasets) // LOOKED_AT]:
        dataset_name = dataset["namespace"], dataset["name"]
        dataset_versions, total = await dataset_versions_page(tenant, dataset_name, 5, 0)
        assert min(total, 5) == len(dataset_versions)
        assert dataset_versions[0]["version"] == dataset["currentVersion"]
        found = await dataset_version_by_id(tenant, dataset_name, uuid.UUID(dataset["currentVersion"]))
        assert found == dataset_versions[0]
    with_columns = [item for item in datasets if item["columnLineage"]]
    assert len(with_columns) > 10
    for dataset in with_columns[:: max(1, len(with_columns) // LOOKED_AT)]:
        graph = await column_graph(tenant, [(dataset["namespace"], dataset["name"])], "", 3, downstream=True)
        ids = {node["id"] for node in graph["graph"]}
        fields = {field["name"] for field in dataset["columnLineage"]}
        assert {f"datasetField:{dataset['namespace']}:{dataset['name']}:{field}" for field in fields} <= ids

    assert await sources_page(tenant, 1_000, 0)
    assert await tags_page(tenant, 1_000, 0)
    for text in ("select", "a", "%", "order"):
        for answer in (await search_jobs(tenant, text), await search_datasets(tenant, text)):
            assert len(answer["hits"]) == len(answer["highlights"])
            orjson.dumps(answer)
    hours = hours_of_day(datetime.now(UTC))
    assert len(await event_counts(tenant, hours)) == 24
    assert (await totals(tenant, "jobs", hours))[-1]["count"] <= job_count
