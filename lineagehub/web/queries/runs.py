"""`GET /api/v1/jobs/runs/{id}`: one run, its state and what it touched."""

from __future__ import annotations

from aiohttp import web

from lineagehub.store.queries.runs import run_by_id
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.parameters import read_path

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def read_run(request: web.Request) -> web.Response:
    """Answer a run; 404 if the caller's namespace does not know it."""
    run_id = read_path(request, "id", UUID, "a UUID")
    run = await run_by_id(request.app[PARTS].clickhouse, namespace_of(request), run_id)
    if run is None:
        raise Refused(NOT_FOUND, f"There is no run {run_id} in this namespace.")
    return model_answer(run)
