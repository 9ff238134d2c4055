"""`/runlineage/upstream`: the runs that a run's data came from."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from lineagehub.store.queries.marquez.run_lineage import upstream_runs
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import Depth, missing, tenant_of, uuid_of
from lineagehub.web.queries.parameters import read_query


class UpstreamQuery(Depth):
    """Which run, and how many steps upstream of it."""

    run_id: str = Field(alias="runId")


async def read_marquez_upstream_runs(request: web.Request) -> web.Response:
    """Answer a run and those upstream of it."""
    query = read_query(request, UpstreamQuery)
    run_id = str(uuid_of(query.run_id, "runId"))
    runs = await upstream_runs(await tenant_of(request), run_id, query.depth)
    if runs is None:
        raise missing("Run", run_id)
    return json_answer({"runs": runs})
