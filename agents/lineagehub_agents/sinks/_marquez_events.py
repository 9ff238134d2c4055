"""Lineage events as Marquez should get them: bound to their hub namespace, mended where Marquez would choke, refused where one
event would break it for everybody. Pure; called by marquez.py. All facts: marquez.md, measured on Marquez 0.51.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from lineagehub.contract.reasons import Reason
from lineagehub.errors import Permanent

_is_readable_namespace = re.compile(r"[a-zA-Z:;=/0-9_\-.@+]{1,1024}").fullmatch
"""Marquez stores other namespaces with a 201, and from then on answers 500 to every list that holds them."""

ESCAPED_NUL = b"\\u0000"
"""PostgreSQL cannot hold it: HTML 500, for ever."""


def marquez_event(value: bytes, namespace: str) -> bytes:
    """Return one valid OpenLineage event as Marquez takes it.

    Jobs (the event's own, its parent and its root) move to `{namespace}/{job namespace}` unless that is the hub namespace itself,
    so that tenants do not meet there. Raises Permanent(MARQUEZ_REJECTED) for a namespace that Marquez can store but not read.
    """
    event: dict[str, Any] = orjson.loads(value)
    if ESCAPED_NUL in value:
        event = _without_nul(event)
    for job in _jobs(event):
        if job["namespace"] != namespace:
            job["namespace"] = f"{namespace}/{job['namespace']}"
    for named in (*_jobs(event), *_datasets(event)):
        if not _is_readable_namespace(named["namespace"]):
            raise Permanent(
                Reason.MARQUEZ_REJECTED, f"Marquez could not read the namespace {named['namespace'][:200]!r}."
            )
    _mend_kind(event)
    return orjson.dumps(event)


def _jobs(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    run = event.get("run")
    parent = _member(_member(run, "facets"), "parent")
    for job in (event.get("job"), _member(parent, "job"), _member(_member(parent, "root"), "job")):
        if isinstance(job, dict) and isinstance(job.get("namespace"), str):
            yield job


def _datasets(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for dataset in (*event.get("inputs", ()), *event.get("outputs", ()), event.get("dataset")):
        if isinstance(dataset, dict) and isinstance(dataset.get("namespace"), str):
            yield dataset


def _member(container: Any, name: str) -> Any:
    return container.get(name) if isinstance(container, dict) else None


def _mend_kind(event: dict[str, Any]) -> None:
    """A run event needs its eventType (else 500), a job or dataset event the fragment of its schemaURL (else 422)."""
    if "run" in event:
        event.setdefault("eventType", "OTHER")
        return
    kind = "JobEvent" if "job" in event else "DatasetEvent"
    if not event["schemaURL"].endswith(f"/{kind}"):
        event["schemaURL"] = f"{event['schemaURL'].partition('#')[0]}#/$defs/{kind}"


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return value
