"""Marquez's three deletions that users have: a namespace, a job, a dataset. Each answers the thing as it was before."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.deletion import Found, Target
from lineagehub.store.queries.marquez.datasets import dataset_by_name
from lineagehub.store.queries.marquez.jobs import job_by_name
from lineagehub.store.queries.marquez.namespaces import namespace_by_name
from lineagehub.store.queries.marquez.tenant import Data, Tenant
from lineagehub.web.admin.lineage_deletion import delete_found, find_target
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import dataset_in_path, job_in_path, missing_in_namespace, tenant_of

# Each finds before it reads, and so waits for what is in flight; and deletes also what is no thing of its own, such as what a deletion
# left that died in the middle, or a job that only a parent facet names.


async def delete_marquez_namespace(request: web.Request) -> web.Response:
    """Delete a namespace with its jobs and datasets."""
    name = request.match_info["namespace"]
    found = await find_target(request, Target("namespace", ((name, ""),)))
    tenant = await tenant_of(request)
    return await _delete(request, tenant, found, await namespace_by_name(tenant, name), "Namespace", name)


async def delete_marquez_job(request: web.Request) -> web.Response:
    """Delete a job with its runs."""
    job = job_in_path(request)
    found = await find_target(request, Target("job", (job,)))
    tenant = await tenant_of(request)
    return await _delete(request, tenant, found, await job_by_name(tenant, job), "Job", job[1])


async def delete_marquez_dataset(request: web.Request) -> web.Response:
    """Delete a dataset, by any of its names, under all of them."""
    dataset = dataset_in_path(request)
    found = await find_target(request, Target("dataset", (dataset,)))
    tenant = await tenant_of(request)
    return await _delete(request, tenant, found, await dataset_by_name(tenant, dataset), "Dataset", dataset[1])


async def _delete(
    request: web.Request, tenant: Tenant, found: Found | None, document: Data | None, kind: str, name: str
) -> web.Response:
    if found is not None:
        await delete_found(request, found)
    if document is None:
        raise await missing_in_namespace(request, tenant, kind, name)
    return json_answer(document)
