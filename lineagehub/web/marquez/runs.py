"""`/jobs/runs/{id}`: a run, and the facets of it and of its job."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.store.queries.marquez.runs import facets_of_run, job_facets_of_run, run_by_id
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import UpperCase, missing, tenant_of, uuid_in_path
from lineagehub.web.queries.parameters import read_query


class FacetsQuery(BaseModel):
    """Whose facets."""

    kind: Annotated[Literal["RUN", "JOB"], UpperCase] = Field(alias="type")


async def read_marquez_run(request: web.Request) -> web.Response:
    """Answer a run."""
    run_id = str(uuid_in_path(request, "id"))
    run = await run_by_id(await tenant_of(request), run_id)
    if run is None:
        raise missing("Run", run_id)
    return json_answer(run)


async def read_marquez_run_facets(request: web.Request) -> web.Response:
    """Answer the facets of a run or of its job."""
    run_id = str(uuid_in_path(request, "id"))
    kind = read_query(request, FacetsQuery).kind
    read = facets_of_run if kind == "RUN" else job_facets_of_run
    facets = await read(await tenant_of(request), run_id)
    if facets is None:
        raise missing("Run", run_id)
    return json_answer(facets)
