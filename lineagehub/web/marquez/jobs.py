"""`/jobs` and `/namespaces/{namespace}/jobs`: jobs, their versions and their runs."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.marquez.jobs import job_by_name, job_rows, job_versions, jobs_page, with_latest_runs
from lineagehub.store.queries.marquez.runs import count_runs_of_job, runs_of_job
from lineagehub.store.queries.marquez.tenant import Tenant
from lineagehub.store.queries.node_ids import Node
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import (
    AnyCaseRunState,
    Page,
    job_in_path,
    missing,
    missing_in_namespace,
    tenant_of,
    uuid_in_path,
)
from lineagehub.web.queries.parameters import read_query


class JobsQuery(Page):
    """Which jobs. Both may be given several times; Marquez's page has used either."""

    last_run_states: list[AnyCaseRunState] = Field([], alias="lastRunStates", description="States of the latest run.")
    run_states: list[AnyCaseRunState] = Field([], alias="runState", description="The same.")


async def list_marquez_jobs(request: web.Request) -> web.Response:
    """Answer a page of all jobs."""
    return await _jobs(request, None)


async def list_marquez_jobs_of_namespace(request: web.Request) -> web.Response:
    """Answer a page of a namespace's jobs; none if there is no such namespace, as in Marquez."""
    return await _jobs(request, request.match_info["namespace"])


async def read_marquez_job(request: web.Request) -> web.Response:
    """Answer a job."""
    tenant, name = await tenant_of(request), job_in_path(request)
    job = await job_by_name(tenant, name)
    if job is None:
        raise await missing_in_namespace(request, tenant, "Job", name[1])
    return json_answer(job)


async def list_marquez_job_versions(request: web.Request) -> web.Response:
    """Answer a page of a job's versions."""
    page = read_query(request, Page)
    tenant, name = await _known_job(request)
    versions = (await job_versions(tenant, name))[page.offset : page.offset + page.limit]
    return json_answer({"versions": await with_latest_runs(tenant, versions)})


async def read_marquez_job_version(request: web.Request) -> web.Response:
    """Answer one version of a job."""
    wanted = str(uuid_in_path(request, "version"))
    tenant, name = await _known_job(request)
    versions = [version for version in await job_versions(tenant, name) if version["version"] == wanted]
    if not versions:
        raise missing("Job version", wanted)
    return json_answer((await with_latest_runs(tenant, versions))[0])


async def list_marquez_job_runs(request: web.Request) -> web.Response:
    """Answer a page of a job's runs."""
    page = read_query(request, Page)
    tenant, name = await _known_job(request)
    runs = await runs_of_job(tenant, name, page.limit, page.offset)
    return json_answer({"runs": runs, "totalCount": await count_runs_of_job(tenant, name)})


async def _jobs(request: web.Request, namespace: str | None) -> web.Response:
    query = read_query(request, JobsQuery)
    states = [*query.last_run_states, *query.run_states]
    jobs, total = await jobs_page(await tenant_of(request), namespace, states, query.limit, query.offset)
    return json_answer({"jobs": jobs, "totalCount": total})


async def _known_job(request: web.Request) -> tuple[Tenant, Name]:
    tenant, name = await tenant_of(request), job_in_path(request)
    if not await job_rows(tenant, [Node("job", *name)]):
        raise await missing_in_namespace(request, tenant, "Job", name[1])
    return tenant, name
