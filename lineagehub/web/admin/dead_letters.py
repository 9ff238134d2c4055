"""`/api/v1/namespaces/{name}/dead-letters`: what could not be stored, why, and its bytes; for the namespace's owners and admins.

The operator reads the lane OPERATOR_LANE, of records whose writer is not proved, and no namespace's. What is another's is answered as what
does not exist.
"""

from __future__ import annotations

import re

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.contract.reasons import Reason
from lineagehub.store.queries.dead_letters import (
    DeadLetterDocument,
    DeadLetterFilter,
    State,
    dead_letter_document,
    find_dead_letter,
    find_dead_letters,
    read_content,
)
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, PRINCIPAL
from lineagehub.web.problems import NAMESPACE_MISMATCH, NOT_FOUND, Refused
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.telemetry_parameters import Text, WindowQuery, page_request

OCTETS = "application/octet-stream"


class DeadLettersQuery(WindowQuery):
    """Which letters: those that fit everything here. Without bounds in time, all that are kept."""

    reason: list[Reason] = Field([], description="Any of these; may be repeated.")
    state: State | None = None
    topic: Text | None = Field(None, description="The topic that the record died on.")


class DeadLettersPage(BaseModel):
    """Dead letters, newest first."""

    letters: list[DeadLetterDocument]
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 as all pages


async def list_dead_letters(request: web.Request) -> web.Response:
    """Answer a page of letters, without their bytes."""
    lane = target_lane(request)
    query = read_query(request, DeadLettersQuery)
    asked = page_request(request, query, bounded=False)
    wanted = DeadLetterFilter(asked.since, asked.before, query.reason, query.topic, state=query.state)
    page = await find_dead_letters(request.app[PARTS].clickhouse, lane, wanted, asked.limit, asked.position)
    letters = [dead_letter_document(row) for _, row in page.rows]
    return model_answer(DeadLettersPage(letters=letters, nextCursor=asked.cursor(request, query, page.after)))


async def show_dead_letter(request: web.Request) -> web.Response:
    """Answer one letter, without its bytes."""
    lane, letter = target_lane(request), request.match_info["letter"]
    found = await find_dead_letter(request.app[PARTS].clickhouse, lane, letter)
    if found is None:
        raise _no_letter(letter)
    return model_answer(found)


async def dead_letter_content(request: web.Request) -> web.Response:
    """Answer the bytes as they came, to be saved and never to be shown: whoever wrote them may have meant a browser."""
    lane, letter = target_lane(request), request.match_info["letter"]
    content = await read_content(request.app[PARTS].clickhouse, lane, letter)
    if content is None:
        raise _no_letter(letter)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", letter)
    disposition = {"Content-Disposition": f'attachment; filename="dead-letter-{name}.bin"'}
    return web.Response(body=content, content_type=OCTETS, headers=disposition)


def target_lane(request: web.Request) -> str:
    """Return the lane that the path names if it is the caller's: his namespace, or the operator's own. Else refuses with 404."""
    name = request.match_info["name"]
    own = request[PRINCIPAL].namespace or OPERATOR_LANE
    if name != own:
        raise Refused(NOT_FOUND, f"There is no namespace {name[:100]!r}.", denied=NAMESPACE_MISMATCH.reason)
    return name


def _no_letter(letter: str) -> Refused:
    return Refused(NOT_FOUND, f"There is no dead letter {letter[:300]!r} in this namespace.")
