"""Lineage beside OpenTelemetry: the run names its span, the span its run. Extra: `lineagehub-sdk[otel]`.

OpenTelemetry is never imported here: what is used is what the application has loaded, or what `lineagehub_sdk.telemetry` hands over.
A span is opened by, in this order: the tracer handed over by `use_tracers`; the application's own global tracer provider; none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lineagehub_sdk._client import current_config
from lineagehub_sdk._guard import never_raise
from lineagehub_sdk._lineage.context import RunIdentity
from lineagehub_sdk._lineage.facets import describe

INSTRUMENTATION = "lineagehub_sdk"


class SpanOptions(NamedTuple):
    """What a span is called, and of which service it is ("" for the provider's own)."""

    name: str
    service_name: str = ""
    attributes: Mapping[str, Any] = {}


Tracers = Callable[[str], Any]
"""Returns the tracer of a service; of "" the default one."""
CountRun = Callable[[RunIdentity, str, float], None]
"""Counts an ended run: its identity, its state, its seconds."""

_tracers: Tracers | None = None
_count_run: CountRun | None = None
_set_up: Callable[[], object] | None = None


def use_tracers(tracers: Tracers | None) -> None:
    """From now on open spans by these tracers, or (None) by the application's."""
    global _tracers
    _tracers = tracers


def use_tracer(tracer: Any) -> None:
    """From now on open spans by this tracer, whatever the service."""
    use_tracers(None if tracer is None else lambda service_name: tracer)


def use_metrics(count_run: CountRun | None) -> None:
    """From now on count each ended run by this."""
    global _count_run
    _count_run = count_run


def set_up_on_demand(set_up: Callable[[], object] | None) -> None:
    """Have this called once, before the first span that has no other provider."""
    global _set_up
    _set_up = set_up


class OpenSpan:
    """A span that is current, but while it is suspended."""

    __slots__ = ("_context", "_inside", "_span", "_token")

    def __init__(self, span: Any) -> None:
        self._span = span
        self._context = sys.modules["opentelemetry.context"]
        self._token = self._context.attach(sys.modules["opentelemetry.trace"].set_span_in_context(span))
        self._inside: Any = None

    def suspend(self) -> None:
        """Stop being the current span."""
        self._inside = self._context.get_current()
        self._detach()

    def resume(self) -> None:
        """Be the current span again, or what was current inside."""
        self._token = self._context.attach(self._inside)

    def close(self, error: BaseException | None) -> None:
        """End the span, with the error if there was one."""
        if error is not None:
            from opentelemetry.trace import Status, StatusCode

            with never_raise("recording an exception", strict=False):
                self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, describe(error)))
        self._detach()
        self._span.end()

    def _detach(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            self._context.detach(token)


def is_possible() -> bool:
    """Whether a span could be opened at all: False where nobody has loaded OpenTelemetry. Costs nothing."""
    return _tracers is not None or _set_up is not None or "opentelemetry.trace" in sys.modules


def open_span(
    options: SpanOptions, run: RunIdentity | None, remote_ids: tuple[str, str] | None = None
) -> OpenSpan | None:
    """Open a span and make it the current one, if there is a tracer; the span names its run.

    Without a span around it, it is part of the trace of `remote_ids` (trace id, span id).
    """
    tracer = _tracer_of(options.service_name) if is_possible() else None
    if tracer is None:
        return None
    attributes = dict(options.attributes)
    if run is not None:
        attributes |= {
            "lineage.run_id": run.run_id,
            "lineage.job_namespace": run.namespace,
            "lineage.job_name": run.job_name,
        }
    return OpenSpan(tracer.start_span(options.name, context=_context_of(remote_ids), attributes=attributes))


def count_run(run: RunIdentity, state: str, seconds: float) -> None:
    """Count an ended run, if metrics are in use."""
    if _count_run is not None:
        _count_run(run, state, seconds)


def current_ids() -> tuple[str, str] | None:
    """Return (trace id, span id) of the current span as hexadecimal text, or None without one."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return format(context.trace_id, "032x"), format(context.span_id, "016x")


def _tracer_of(service_name: str) -> Any:
    global _set_up
    if not current_config().enable_telemetry:
        return None
    if _tracers is None:
        trace = sys.modules.get("opentelemetry.trace")
        if trace is not None:
            provider = trace.get_tracer_provider()
            if not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
                return provider.get_tracer(INSTRUMENTATION)
        set_up, _set_up = _set_up, None
        if set_up is not None:
            set_up()
    return _tracers(service_name) if _tracers is not None else None


def _context_of(remote_ids: tuple[str, str] | None) -> Any:
    """Return the context of a remote span, or None for the current one, which comes first."""
    trace = sys.modules["opentelemetry.trace"]
    if remote_ids is None or trace.get_current_span().get_span_context().is_valid:
        return None
    trace_id, span_id = (int(text, 16) for text in remote_ids)
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    return trace.set_span_in_context(
        trace.NonRecordingSpan(trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags))
    )
