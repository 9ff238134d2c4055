"""One event as Marquez should get it: bound to its tenant, mended (repairs.py), never undoing what its run has come to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from lineagehub_agents.sinks.marquez.forwarded import RunEnd
from lineagehub_agents.sinks.marquez.repairs import Repair, Repairs, mend, refuse_unfit, without_nul

ESCAPED_NUL = b"\\u0000"
LATE_FACET = "lineagehub_late"
PRODUCER = "https://github.com/lineagehub/lineagehub"


def marquez_event(value: bytes, namespace: str, end: RunEnd | None = None) -> tuple[dict[str, Any], Repairs]:
    """Return one valid OpenLineage event as Marquez takes it, and what was mended.

    Jobs (the event's own, its parent and its root) move to `{namespace}/{job namespace}` unless that is the hub namespace itself,
    so that tenants do not meet there. `end` is the end of its run, if Marquez has one that comes after the event: see `_in_the_state_of`.
    Raises Permanent(MARQUEZ_UNFIT) for what no repair can save.
    """
    event: dict[str, Any] = orjson.loads(value)
    repairs = Repairs()
    if ESCAPED_NUL in value and (clean := without_nul(event)) != event:
        event = clean
        repairs[Repair.NUL] += 1
    refuse_unfit(event)
    for job in _jobs(event):
        if job["namespace"] != namespace:
            job["namespace"] = f"{namespace}/{job['namespace']}"
    # Once more: names have grown.
    refuse_unfit(event)
    mend(event, repairs)
    if end is not None:
        _in_the_state_of(end, event, repairs)
    return event, repairs


def _in_the_state_of(end: RunEnd, event: dict[str, Any], repairs: Repairs) -> None:
    """Send a late event in the state of its run's end, so that Marquez, which keeps what came last, keeps that.

    Sent as it is, a START that comes after its COMPLETE leaves the run RUNNING and takes the job's edges away; the COMPLETE sent
    again would show twice. What the event adds (facets, datasets) is added, and a facet says what it was.
    """
    facets = event["run"].get("facets")
    facets = facets if isinstance(facets, dict) else {}
    facets[LATE_FACET] = {
        "_producer": PRODUCER,
        "_schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet",
        "eventType": event["eventType"],
        "eventTime": event["eventTime"],
    }
    event["run"]["facets"] = facets
    event["eventType"], event["eventTime"] = end.type, end.time
    repairs[Repair.LATE] += 1


def _jobs(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parent = _member(_member(event.get("run"), "facets"), "parent")
    for job in (event.get("job"), _member(parent, "job"), _member(_member(parent, "root"), "job")):
        if isinstance(job, dict) and isinstance(job.get("namespace"), str):
            yield job


def _member(container: Any, name: str) -> Any:
    return container.get(name) if isinstance(container, dict) else None
