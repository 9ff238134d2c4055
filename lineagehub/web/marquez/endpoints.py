"""MARQUEZ_ENDPOINTS: the one list of Marquez's routes, appended to ENDPOINTS."""

from __future__ import annotations

from pydantic import BaseModel

from lineagehub.contract.control import Scope
from lineagehub.web.endpoint import JSON, Content, Endpoint, Handler
from lineagehub.web.marquez.column_lineage import ColumnLineageQuery, read_marquez_column_lineage
from lineagehub.web.marquez.datasets import (
    list_marquez_dataset_versions,
    list_marquez_datasets,
    read_marquez_dataset,
    read_marquez_dataset_version,
)
from lineagehub.web.marquez.deletion import delete_marquez_dataset, delete_marquez_job, delete_marquez_namespace
from lineagehub.web.marquez.events import MarquezEventsQuery, list_marquez_events
from lineagehub.web.marquez.jobs import (
    JobsQuery,
    list_marquez_job_runs,
    list_marquez_job_versions,
    list_marquez_jobs,
    list_marquez_jobs_of_namespace,
    read_marquez_job,
    read_marquez_job_version,
)
from lineagehub.web.marquez.lineage import MarquezLineageQuery, read_marquez_lineage
from lineagehub.web.marquez.namespaces import list_marquez_namespaces, read_marquez_namespace
from lineagehub.web.marquez.parameters import Page
from lineagehub.web.marquez.run_lineage import UpstreamQuery, read_marquez_upstream_runs
from lineagehub.web.marquez.runs import FacetsQuery, read_marquez_run, read_marquez_run_facets
from lineagehub.web.marquez.search import (
    FullTextQuery,
    SearchQuery,
    search_marquez,
    search_marquez_datasets,
    search_marquez_jobs,
)
from lineagehub.web.marquez.sources import list_marquez_sources, read_marquez_source
from lineagehub.web.marquez.stats import (
    StatsQuery,
    read_marquez_dataset_stats,
    read_marquez_event_stats,
    read_marquez_job_stats,
    read_marquez_source_stats,
)
from lineagehub.web.marquez.tags import list_marquez_tags
from lineagehub.web.problems import INVALID_PARAMETER, NOT_FOUND, STORE_BEHIND, UNAVAILABLE

TAG = "Marquez"
_NAMESPACE = "/namespaces/{namespace}"
_JOB, _DATASET = f"{_NAMESPACE}/jobs/{{job}}", f"{_NAMESPACE}/datasets/{{dataset}}"


def _read(
    path: str,
    handler: Handler,
    what: str,
    query: type[BaseModel] | None = None,
    version: str = "v1",
) -> Endpoint:
    return Endpoint(
        "GET",
        f"/marquez/api/{version}{path}",
        handler,
        f"Read {what}, as Marquez answers it.",
        TAG,
        scope=Scope.LINEAGE_READ,
        query=query,
        responses={200: Content((JSON,), None, f"{what[0].upper()}{what[1:]}, in Marquez's shape.")},
        problems=(INVALID_PARAMETER, NOT_FOUND, UNAVAILABLE),
        speaks_marquez=True,
    )


def _delete(path: str, handler: Handler, what: str) -> Endpoint:
    return Endpoint(
        "DELETE",
        f"/marquez/api/v1{path}",
        handler,
        f"Delete {what}, and answer it as Marquez does.",
        TAG,
        scope=Scope.NAMESPACE_ADMIN,
        responses={200: Content((JSON,), None, f"{what[0].upper()}{what[1:]} as it was, in Marquez's shape.")},
        problems=(NOT_FOUND, STORE_BEHIND, UNAVAILABLE),
        speaks_marquez=True,
    )


MARQUEZ_ENDPOINTS: tuple[Endpoint, ...] = (
    _read("/namespaces", list_marquez_namespaces, "the namespaces of OpenLineage", Page),
    _read(_NAMESPACE, read_marquez_namespace, "a namespace of OpenLineage"),
    _read("/jobs", list_marquez_jobs, "jobs, the last updated first", JobsQuery),
    _read(f"{_NAMESPACE}/jobs", list_marquez_jobs_of_namespace, "a namespace's jobs", JobsQuery),
    _read(_JOB, read_marquez_job, "a job"),
    _read(f"{_JOB}/versions", list_marquez_job_versions, "a job's versions", Page),
    _read(f"{_JOB}/versions/{{version}}", read_marquez_job_version, "a version of a job"),
    _read(f"{_JOB}/runs", list_marquez_job_runs, "a job's runs, the latest first", Page),
    _read("/jobs/runs/{id}", read_marquez_run, "a run"),
    _read("/jobs/runs/{id}/facets", read_marquez_run_facets, "the facets of a run or of its job", FacetsQuery),
    _read(f"{_NAMESPACE}/datasets", list_marquez_datasets, "a namespace's datasets, by name", Page),
    _read(_DATASET, read_marquez_dataset, "a dataset"),
    _read(f"{_DATASET}/versions", list_marquez_dataset_versions, "a dataset's versions, the latest first", Page),
    _read(f"{_DATASET}/versions/{{version}}", read_marquez_dataset_version, "a version of a dataset"),
    _read("/sources", list_marquez_sources, "sources", Page),
    _read("/sources/{source}", read_marquez_source, "a source"),
    _read("/tags", list_marquez_tags, "tags", Page),
    _read("/lineage", read_marquez_lineage, "the graph around a job or dataset", MarquezLineageQuery),
    _read("/column-lineage", read_marquez_column_lineage, "the graph of columns around a node", ColumnLineageQuery),
    _read("/runlineage/upstream", read_marquez_upstream_runs, "the runs upstream of a run", UpstreamQuery),
    _read("/events/lineage", list_marquez_events, "run events", MarquezEventsQuery),
    _read("/search", search_marquez, "jobs and datasets by a part of their names", SearchQuery),
    _read("/search/jobs", search_marquez_jobs, "jobs that a text matches", FullTextQuery, "v2beta"),
    _read("/search/datasets", search_marquez_datasets, "datasets that a text matches", FullTextQuery, "v2beta"),
    _read("/stats/lineage-events", read_marquez_event_stats, "counts of events by type", StatsQuery),
    _read("/stats/jobs", read_marquez_job_stats, "counts of jobs", StatsQuery),
    _read("/stats/datasets", read_marquez_dataset_stats, "counts of datasets", StatsQuery),
    _read("/stats/sources", read_marquez_source_stats, "counts of sources", StatsQuery),
    _delete(_NAMESPACE, delete_marquez_namespace, "a namespace of OpenLineage with its jobs and datasets"),
    _delete(_JOB, delete_marquez_job, "a job with its runs"),
    _delete(_DATASET, delete_marquez_dataset, "a dataset under all of its names"),
)
