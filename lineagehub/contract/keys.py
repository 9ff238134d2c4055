"""Record keys: which records share a partition, and so keep their order.

Lineage keys are those of OpenLineage's own Kafka transport (openlineage-python `transport/kafka.py`), so that records of
the web, of our SDK and of third-party clients of the same job fall together. Telemetry has no key (spread). Called by
the web before it produces; never trusted by an agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lineage_key(event: Mapping[str, Any]) -> bytes:
    """Return the record key of one decoded OpenLineage event.

    `run:{namespace}/{name}` of the root job if the parent facet names one, else of the parent job, else of the event's own
    job; `job:…` for a JobEvent; `dataset:…` for a DatasetEvent. A malformed parent facet falls back to the own job.
    """
    run = event.get("run")
    if run is not None:
        return _key("run", _ancestor_job(run) or event["job"])
    if "job" in event:
        return _key("job", event["job"])
    return _key("dataset", event["dataset"])


def namespace_key(name: str) -> bytes:
    """Key of a namespace record on the control topic."""
    return f"namespace:{name}".encode()


def api_key_key(kid: str) -> bytes:
    """Key of an API key record on the control topic; `kid` is the key's public id."""
    return f"key:{kid}".encode()


def limits_key(name: str) -> bytes:
    """Key of a namespace's limits on the control topic."""
    return f"limits:{name}".encode()


def webhooks_key(name: str) -> bytes:
    """Key of a namespace's webhooks on the control topic."""
    return f"webhooks:{name}".encode()


def _ancestor_job(run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    facets = run.get("facets")
    parent = facets.get("parent") if isinstance(facets, dict) else None
    if not isinstance(parent, dict):
        return None
    root = parent.get("root")
    for holder in (root, parent):
        job = holder.get("job") if isinstance(holder, dict) else None
        if isinstance(job, dict) and all(
            isinstance(job.get(part), str) and job[part] for part in ("namespace", "name")
        ):
            return job
    return None


def _key(kind: str, named: Mapping[str, Any]) -> bytes:
    return f"{kind}:{named['namespace']}/{named['name']}".encode()
