"""`/namespaces/{namespace}/datasets`: datasets and their versions."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.marquez.dataset_versions import dataset_version_by_id, dataset_versions_page
from lineagehub.store.queries.marquez.datasets import dataset_by_name, dataset_exists, datasets_page
from lineagehub.store.queries.marquez.namespaces import namespace_by_name
from lineagehub.store.queries.marquez.tenant import Tenant
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import (
    Page,
    dataset_in_path,
    missing,
    missing_in_namespace,
    tenant_of,
    uuid_in_path,
)
from lineagehub.web.queries.parameters import read_query


async def list_marquez_datasets(request: web.Request) -> web.Response:
    """Answer a page of a namespace's datasets."""
    page = read_query(request, Page)
    tenant = await tenant_of(request)
    namespace = request.match_info["namespace"]
    datasets, total = await datasets_page(tenant, namespace, page.limit, page.offset)
    if total == 0 and await namespace_by_name(tenant, namespace) is None:
        raise missing("Namespace", namespace)
    return json_answer({"datasets": datasets, "totalCount": total})


async def read_marquez_dataset(request: web.Request) -> web.Response:
    """Answer a dataset by any of its names."""
    tenant, name = await tenant_of(request), dataset_in_path(request)
    dataset = await dataset_by_name(tenant, name)
    if dataset is None:
        raise await missing_in_namespace(request, tenant, "Dataset", name[1])
    return json_answer(dataset)


async def list_marquez_dataset_versions(request: web.Request) -> web.Response:
    """Answer a page of a dataset's versions."""
    page = read_query(request, Page)
    tenant, name = await _known_dataset(request)
    versions, total = await dataset_versions_page(tenant, name, page.limit, page.offset)
    return json_answer({"versions": versions, "totalCount": total})


async def read_marquez_dataset_version(request: web.Request) -> web.Response:
    """Answer one version of a dataset."""
    wanted = uuid_in_path(request, "version")
    tenant, name = await _known_dataset(request)
    version = await dataset_version_by_id(tenant, name, wanted)
    if version is None:
        raise missing("Dataset version", wanted)
    return json_answer(version)


async def _known_dataset(request: web.Request) -> tuple[Tenant, Name]:
    tenant, name = await tenant_of(request), dataset_in_path(request)
    if not await dataset_exists(tenant, name):
        raise await missing_in_namespace(request, tenant, "Dataset", name[1])
    return tenant, tenant.aliases.name_of(name)
