"""`/search` by names, and `/api/v2beta/search` in what jobs and datasets say of themselves."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field

from lineagehub.store.queries.marquez.full_text import search_datasets, search_jobs
from lineagehub.store.queries.marquez.search import search
from lineagehub.web.answers import json_answer
from lineagehub.web.marquez.parameters import MAXIMUM_LIMIT, UpperCase, tenant_of
from lineagehub.web.queries.parameters import read_query

MAXIMUM_TEXT = 1_024

Day = Annotated[date | None, Field(description="YYYY-MM-DD, UTC.")]
Sort = Annotated[
    Literal["NAME", "UPDATE_AT"], BeforeValidator(lambda text: "UPDATE_AT" if text == "UPDATED_AT" else text), UpperCase
]


class FullTextQuery(BaseModel):
    """What to look for."""

    q: str = Field(min_length=1, max_length=MAXIMUM_TEXT, pattern=r"\S")


class SearchQuery(FullTextQuery):
    """What to look for, where, and how many."""

    filter: Annotated[Literal["JOB", "DATASET"], UpperCase] | None = None
    sort: Sort = "NAME"
    limit: int = Field(10, ge=0, le=MAXIMUM_LIMIT)
    namespace: str | None = None
    before: Day = None
    after: Day = None


async def search_marquez(request: web.Request) -> web.Response:
    """Answer jobs and datasets whose names hold a text."""
    query = read_query(request, SearchQuery)
    results = await search(
        await tenant_of(request),
        query.q,
        kind=query.filter,
        sort=query.sort,
        limit=query.limit,
        namespace=query.namespace,
        before=query.before,
        after=query.after,
    )
    return json_answer({"totalCount": len(results), "results": results})


async def search_marquez_jobs(request: web.Request) -> web.Response:
    """Answer jobs that a text matches, with highlights."""
    query = read_query(request, FullTextQuery)
    return json_answer(await search_jobs(await tenant_of(request), query.q))


async def search_marquez_datasets(request: web.Request) -> web.Response:
    """Answer datasets that a text matches, with highlights."""
    query = read_query(request, FullTextQuery)
    return json_answer(await search_datasets(await tenant_of(request), query.q))
