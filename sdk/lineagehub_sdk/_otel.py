"""Lineage beside OpenTelemetry: the run names its span, the span its run. Extra: `lineagehub-sdk[otel]`.

OpenTelemetry is never imported unless the application did, or asked for `lineagehub_sdk.telemetry`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from lineagehub_sdk._events import describe
from lineagehub_sdk._guard import never_raise

if TYPE_CHECKING:
    from lineagehub_sdk._run import Run

_tracer: Any = None


def use_tracer(tracer: Any) -> None:
    """From now on open a span for each run, by this tracer."""
    global _tracer
    _tracer = tracer


def open_span(run: Run) -> Any:
    """Open a span for a run, if a tracer is in use; return what `close_span` needs."""
    if _tracer is None:
        return None
    attributes = {
        "lineage.run_id": run.run_id,
        "lineage.job_namespace": run.namespace,
        "lineage.job_name": run.job_name,
    }
    entered = _tracer.start_as_current_span(
        run.job_name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    return entered, entered.__enter__()


def close_span(opened: Any, error: BaseException | None) -> None:
    """Close what `open_span` opened, with the error if there was one."""
    if opened is None:
        return
    entered, span = opened
    if error is not None:
        from opentelemetry.trace import Status, StatusCode

        with never_raise("recording an exception", strict=False):
            span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, describe(error)))
    entered.__exit__(None, None, None)


def current_ids() -> tuple[str, str] | None:
    """Return (trace id, span id) of the current span as hexadecimal text, or None without one."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return format(context.trace_id, "032x"), format(context.span_id, "016x")
