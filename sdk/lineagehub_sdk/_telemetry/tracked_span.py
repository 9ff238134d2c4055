"""One call under `telemetry_track` alone: a span and the automatic metrics, no run. Begins and ends as a Run does."""

from __future__ import annotations

import time

from lineagehub_sdk import _client
from lineagehub_sdk._guard import never_raise
from lineagehub_sdk._lineage.context import CURRENT, RunIdentity
from lineagehub_sdk._telemetry import otel


class TrackedSpan:
    """A span around a call; it names the run that the call is part of. Nothing here raises."""

    __slots__ = ("_job", "_options", "_span", "_started_at")

    def __init__(self, options: otel.SpanOptions, namespace: str | None) -> None:
        self._options = options
        self._job = RunIdentity("", namespace or "", options.name)
        self._span: otel.OpenSpan | None = None
        self._started_at = 0.0

    def start(self) -> None:
        """Open the span, if there is a tracer."""
        with never_raise("opening a span"):
            self._started_at = time.perf_counter()
            current = CURRENT.get()
            self._span = otel.open_span(self._options, current.identity if current is not None else None)

    def suspend(self) -> None:
        """Stop being the current span: a generator has yielded."""
        with never_raise("suspending a span", strict=False):
            if self._span is not None:
                self._span.suspend()

    def resume(self) -> None:
        """Be the current span again: a generator goes on."""
        with never_raise("resuming a span", strict=False):
            if self._span is not None:
                self._span.resume()

    def finish(self, error: BaseException | None, state: str) -> None:
        """Close the span, with the error of a state that is FAIL."""
        with never_raise("closing a span", strict=False):
            if self._span is not None:
                self._span.close(error if state == "FAIL" else None)
            namespace = self._job.namespace or _client.current_config().job_namespace
            otel.count_run(self._job._replace(namespace=namespace), state, time.perf_counter() - self._started_at)
