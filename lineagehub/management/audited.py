"""An action with its audit entries: one before it, without which it is not done, and one after it that says what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.audit import Action, Outcome
from lineagehub.errors import LineageHubError

log = structlog.get_logger(__name__)

MAXIMUM_TEXT = 500

Detail = dict[str, str | int]


@asynccontextmanager
async def audited(
    audit: AuditLog, origin: Origin, action: Action, target: str, detail: Mapping[str, str | int]
) -> AsyncIterator[Detail]:
    """Audit what the block does; it may add to the detail of its result. Raises Unavailable before the block when Kafka takes no entry."""
    await audit.write(origin, action, target, Outcome.REQUESTED, detail)
    result = dict(detail)
    try:
        yield result
    except LineageHubError as error:
        failed = {**detail, "error": str(error)[:MAXIMUM_TEXT]}
        await _write_result(audit, origin, action, target, Outcome.FAILED, failed)
        raise
    await _write_result(audit, origin, action, target, Outcome.DONE, result)


async def _write_result(
    audit: AuditLog, origin: Origin, action: Action, target: str, outcome: Outcome, detail: Detail
) -> None:
    # The deed is on record as requested. That its result is not would be no reason to call it undone.
    try:
        await audit.write(origin, action, target, outcome, detail)
    except LineageHubError as error:
        log.error(
            "The result of an action is not audited.",
            action=action.value,
            request_id=origin.request_id,
            error=str(error),
        )
