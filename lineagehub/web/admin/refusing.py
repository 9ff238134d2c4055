"""Says as problems what management refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lineagehub.contract.lineage import Fault
from lineagehub.management import refusals
from lineagehub.web import problems

_PROBLEMS: dict[type[refusals.Refusal], problems.Problem] = {
    refusals.NotThere: problems.NOT_FOUND,
    refusals.RevisionConflict: problems.PRECONDITION_FAILED,
    refusals.NamespaceExists: problems.NAMESPACE_EXISTS,
    refusals.BeingDeleted: problems.NAMESPACE_BEING_DELETED,
    refusals.RoleTooHigh: problems.ROLE_TOO_HIGH,
    refusals.LastOwner: problems.LAST_OWNER,
    refusals.KeyNotLive: problems.KEY_NOT_LIVE,
    refusals.RotationUnderway: problems.ROTATION_UNDERWAY,
    refusals.TooManyKeys: problems.TOO_MANY_KEYS,
    refusals.WebhookForbidden: problems.WEBHOOK_FORBIDDEN,
    refusals.NotRedrivable: problems.NOT_REDRIVABLE,
}


@contextmanager
def refusing() -> Iterator[None]:
    """Turn a refusal of management into the problem that it is."""
    try:
        yield
    except refusals.Refusal as error:
        faults = [Fault(error.pointer, error.message)] if isinstance(error, refusals.WebhookForbidden) else []
        raise problems.Refused(_PROBLEMS[type(error)], str(error), faults) from error
