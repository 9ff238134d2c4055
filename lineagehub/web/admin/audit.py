"""`GET /api/v1/namespaces/{name}/audit`: who did what, and what was denied, in a namespace. For its owners and the operator.

An owner sees what happened since the namespace exists: its name may have been another's before. The operator sees all, and as the namespace
OPERATOR_LANE what belongs to none.
"""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.audit import Action, Outcome
from lineagehub.contract.namespaces import OPERATOR_LANE, is_namespace
from lineagehub.store.queries.audit import AuditFilter, AuditRecord, audit_record, find_audit
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, PRINCIPAL
from lineagehub.web.problems import NAMESPACE_MISMATCH, NOT_FOUND, Refused
from lineagehub.web.queries.parameters import read_query
from lineagehub.web.queries.telemetry_parameters import Text, WindowQuery, page_request


class AuditQuery(WindowQuery):
    """Which entries: those that fit everything here. Without bounds in time, all of them."""

    action: Action | None = None
    outcome: Outcome | None = None
    actor: Text | None = Field(None, description="A key id, a user of the command line, or a role.")


class AuditPage(BaseModel):
    """Entries, newest first."""

    entries: list[AuditRecord]
    nextCursor: str | None = Field(description="Leads to the next page; null on the last.")  # noqa: N815 as all pages


async def read_audit(request: web.Request) -> web.Response:
    """Answer a page of entries."""
    namespace, exists_since = _readable_namespace(request)
    query = read_query(request, AuditQuery)
    asked = page_request(request, query, bounded=False)
    since = max(asked.since or 0, exists_since)
    wanted = AuditFilter(since, asked.before, query.action, query.outcome, query.actor)
    page = await find_audit(request.app[PARTS].clickhouse, namespace, wanted, asked.limit, asked.position)
    entries = [audit_record(row) for _, row in page.rows]
    return model_answer(AuditPage(entries=entries, nextCursor=asked.cursor(request, query, page.after)))


def _readable_namespace(request: web.Request) -> tuple[str, int]:
    """Return the namespace that the path names and since when, in nanoseconds, the caller may read it; else refuse with 404."""
    name = request.match_info["name"]
    principal = request[PRINCIPAL]
    if principal.namespace is None:
        if not is_namespace(name) and name != OPERATOR_LANE:
            raise Refused(NOT_FOUND, f"There is no namespace {name[:100]!r}.")
        return name, 0
    if principal.namespace != name:
        raise Refused(NOT_FOUND, f"There is no namespace {name[:100]!r}.", denied=NAMESPACE_MISMATCH.reason)
    record = request.app[PARTS].directory.namespaces[name]
    return name, int(record.created_at.timestamp()) * 10**9
