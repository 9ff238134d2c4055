"""Facets as plain dictionaries, and the names of OpenLineage's schemas (specification 2-0-2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineagehub_sdk._delivery.encoding import coerce

PRODUCER = "https://github.com/lineagehub/lineagehub/tree/0.1.0/sdk"
CORE_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
TRACE_FACET_SCHEMA = f"{PRODUCER}/facets/LineagehubTraceRunFacet.json#/$defs/LineagehubTraceRunFacet"
RUN_EVENT_SCHEMA = f"{CORE_SCHEMA}/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"

LONGEST_MESSAGE = 10_000
"""Characters of an error's message and of its stack trace (the end of it): facets are read by people."""


def facet(schema: str, **values: Any) -> dict[str, Any]:
    """Return a facet with its `_producer` and `_schemaURL`; `schema` is `{version}/{Name}`, for example "1-1-0/SQLJobFacet"."""
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{schema}.json#/$defs/{schema.partition('/')[2]}", **values}


def custom_facet(base: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user's facet, with `_producer` and `_schemaURL` (its base: "RunFacet", "JobFacet") added when missing.

    A copy, of plain JSON data: other values are written as what they most likely stand for. Raises TypeError for what is no mapping.
    """
    return {"_producer": PRODUCER, "_schemaURL": f"{CORE_SCHEMA}/{base}", **coerce(dict(values))}


def documentation_facet(description: str) -> dict[str, Any]:
    """Return the documentation job facet."""
    return facet("1-1-0/DocumentationJobFacet", description=str(description))


def tags_facet(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags job facet. Raises AttributeError for what is no mapping."""
    entries = [{"key": str(key), "value": str(value), "source": "USER"} for key, value in tags.items()]
    return facet("1-0-0/TagsJobFacet", tags=entries)


def parent_facet(parent: tuple[str, str, str], root: tuple[str, str, str]) -> dict[str, Any]:
    """Return the parent run facet; each argument is (run id, job namespace, job name)."""
    return facet("1-2-0/ParentRunFacet", **_run_and_job(parent), root=_run_and_job(root))


def error_facet(error: BaseException) -> dict[str, Any]:
    """Return the error message run facet."""
    import traceback

    stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return facet(
        "1-0-1/ErrorMessageRunFacet",
        message=describe(error)[:LONGEST_MESSAGE],
        programmingLanguage="python",
        stackTrace=stack[-LONGEST_MESSAGE:],
    )


def describe(error: BaseException) -> str:
    """Return the type and the message of an error, also of one that cannot say its own."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}: its message cannot be read"


def trace_facet(trace_id: str, span_id: str) -> dict[str, Any]:
    """Return our run facet that names the OpenTelemetry trace and span of the run."""
    return {"_producer": PRODUCER, "_schemaURL": TRACE_FACET_SCHEMA, "traceId": trace_id, "spanId": span_id}


def _run_and_job(entry: tuple[str, str, str]) -> dict[str, Any]:
    run_id, namespace, name = entry
    return {"run": {"runId": run_id}, "job": {"namespace": namespace, "name": name}}
