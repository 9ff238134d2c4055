"""`GET /api/v1/traces/{trace_id}`: the spans of one trace."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.store.queries.spans import Span, trace_spans
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.problems import NOT_FOUND, Refused
from lineagehub.web.queries.parameters import read_path


class Trace(BaseModel):
    """One trace."""

    spans: list[Span] = Field(description="Columns of otel_traces, earliest span first.")


async def read_trace(request: web.Request) -> web.Response:
    """Answer the spans of a trace; 404 if the caller's namespace has none."""
    trace_id = read_path(request, "trace_id", r"[0-9a-f]{32}", "32 hexadecimal digits")
    spans = await trace_spans(request.app[PARTS].clickhouse, namespace_of(request), trace_id)
    if not spans:
        raise Refused(NOT_FOUND, f"There is no trace {trace_id} in this namespace.")
    return model_answer(Trace(spans=spans))
