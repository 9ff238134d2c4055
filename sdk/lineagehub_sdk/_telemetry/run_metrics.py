"""The automatic metrics of runs, on any OpenTelemetry meter. Made by `telemetry` and `otel`; imports nothing of OpenTelemetry.

    pipeline_runs_total             counter; lineage.run_state is COMPLETE, FAIL or ABORT
    pipeline_runs_success_total     counter of COMPLETE
    pipeline_runs_failed_total      counter of FAIL
    pipeline_duration_milliseconds  histogram

All have the attributes lineage.job_namespace and lineage.job_name.
"""

from __future__ import annotations

from typing import Any

from lineagehub_sdk._lineage.context import RunIdentity


class RunMetrics:
    """Counts ended runs."""

    def __init__(self, meter: Any) -> None:
        self._all = meter.create_counter("pipeline_runs_total", "{run}", "Runs that ended.")
        self._successes = meter.create_counter("pipeline_runs_success_total", "{run}", "Runs that completed.")
        self._failures = meter.create_counter("pipeline_runs_failed_total", "{run}", "Runs that failed.")
        self._duration = meter.create_histogram("pipeline_duration_milliseconds", "ms", "How long runs took.")

    def count(self, run: RunIdentity, state: str, seconds: float) -> None:
        """Count a run that ended."""
        job = {"lineage.job_namespace": run.namespace, "lineage.job_name": run.job_name}
        self._all.add(1, {**job, "lineage.run_state": state})
        if state == "COMPLETE":
            self._successes.add(1, job)
        elif state == "FAIL":
            self._failures.add(1, job)
        self._duration.record(seconds * 1000, job)
