"""One run: START when it begins, COMPLETE, FAIL or ABORT when it ends. `with run("name") as r:`; the decorator uses it, too."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from lineagehub_sdk import _client, _clock
from lineagehub_sdk._delivery.encoding import frozen
from lineagehub_sdk._guard import never_raise, swallows
from lineagehub_sdk._lineage import propagation
from lineagehub_sdk._lineage.context import CURRENT, Ancestor, RunIdentity
from lineagehub_sdk._lineage.dataset_facets import (
    ColumnLineage,
    Schema,
    column_lineage_facet,
    input_statistics,
    output_statistics,
    schema_facet,
    with_facets,
)
from lineagehub_sdk._lineage.datasets import Dataset, Datasets, to_openlineage
from lineagehub_sdk._lineage.facets import custom_facet, error_facet, trace_facet
from lineagehub_sdk._lineage.job import Job, read_datasets
from lineagehub_sdk._lineage.run_event import RunEvent
from lineagehub_sdk._telemetry import otel


class Run(Ancestor):
    """A run of a job. Nothing here raises or blocks; what the body raises is left untouched.

    `run_id` is its UUID, `job_name` and `namespace` (known from the start on) are its job's, `parent` is what it runs inside of.
    """

    __slots__ = (
        "_before",
        "_emits",
        "_ended",
        "_inputs",
        "_inside",
        "_job",
        "_job_facets",
        "_outputs",
        "_run_facets",
        "_span",
        "_span_options",
        "_started_at",
        "job_name",
        "namespace",
        "parent",
        "run_id",
    )

    def __init__(self, job: Job, span_options: otel.SpanOptions | None = None) -> None:
        self._as_parent = None
        self._job = job
        self.job_name = job.name
        self.namespace = job.namespace or ""
        self.run_id: str = str(job.run_id or _clock.new_id())
        self.parent: Ancestor | None = None
        # Never changed, only replaced: they are the job's, and the events' that are on their way.
        self._inputs = job.inputs
        self._outputs = job.outputs
        self._job_facets = job.facets
        self._run_facets: dict[str, Any] = {}
        self._span_options = span_options
        self._span: otel.OpenSpan | None = None
        self._before: Ancestor | None = None
        self._inside: Ancestor | None = self
        self._emits = True
        self._ended = False
        self._started_at = 0.0

    def input(
        self,
        dataset: Dataset,
        *,
        rows: int | None = None,
        bytes: int | None = None,  # noqa: A002 the word that users have for it
        schema: Schema = None,
    ) -> None:
        """Add an input dataset, with the rows and bytes read and its columns, if known."""
        with never_raise("adding an input"):
            added = _described(to_openlineage(dataset), "facets", schema_facet, schema)
            added = _described(added, "inputFacets", input_statistics, rows, bytes)
            self._inputs = [*self._inputs, frozen(added)]

    def output(
        self,
        dataset: Dataset,
        rows: int | None = None,
        *,
        bytes: int | None = None,  # noqa: A002 the word that users have for it
        schema: Schema = None,
        column_lineage: ColumnLineage | None = None,
    ) -> None:
        """Add an output dataset, with the rows and bytes written, its columns, and where they come from, if known.

        `schema` maps columns to types (a frame's `dtypes` will do); `column_lineage` maps columns to what they come from:
        `{"total": [("s3://raw/orders", "amount")]}`.
        """
        with never_raise("adding an output"):
            added = _described(to_openlineage(dataset), "facets", schema_facet, schema)
            added = _described(added, "facets", column_lineage_facet, column_lineage, self._inputs)
            added = _described(added, "outputFacets", output_statistics, rows, bytes)
            self._outputs = [*self._outputs, frozen(added)]

    def facet(self, name: str, value: Mapping[str, Any]) -> None:
        """Set a run facet; `_producer` and `_schemaURL` are added when missing. Values are copied as JSON has them."""
        with never_raise("setting a facet"):
            self._run_facets = {**self._run_facets, name: custom_facet("RunFacet", value)}

    def job_facet(self, name: str, value: Mapping[str, Any]) -> None:
        """Set a job facet, as `facet` does."""
        with never_raise("setting a job facet"):
            self._job_facets = {**self._job_facets, name: custom_facet("JobFacet", value)}

    @property
    def identity(self) -> RunIdentity:
        """This run."""
        return RunIdentity(self.run_id, self.namespace, self.job_name)

    @property
    def root_identity(self) -> RunIdentity:
        """The outermost run that this one is part of."""
        return self.parent.root_identity if self.parent is not None else self.identity

    def start(self) -> None:
        """Find the parent, open a span, emit START, and be the current run. Called once."""
        try:
            config = _client.current_config()
            self._emits = config.enable_lineage and not config.disabled
            self.namespace = self.namespace or config.job_namespace
            self._started_at = time.perf_counter()
            self._before = CURRENT.get()
            self.parent = self._before or propagation.from_environment()
            if self.parent is not None:
                self._run_facets["parent"] = self.parent.as_parent()
        except Exception as error:
            if not swallows("starting a run", error):
                raise
        try:
            remote_ids = propagation.remote_ids(self.parent)
            if otel.is_possible():
                options = self._span_options or otel.SpanOptions(self.job_name)
                self._span = otel.open_span(options, self.identity, remote_ids)
            if ids := otel.current_ids() or remote_ids:
                self._run_facets["lineagehub_trace"] = trace_facet(*ids)
        except Exception as error:
            if not swallows("naming the trace", error):
                raise
        CURRENT.set(self)
        self._emit("START")

    def suspend(self) -> None:
        """Stop being the current run: a generator has yielded."""
        with never_raise("suspending a run", strict=False):
            self._inside = CURRENT.get()
            CURRENT.set(self._before)
            if self._span is not None:
                self._span.suspend()

    def resume(self) -> None:
        """Be the current run again, or what was current inside: a generator goes on."""
        with never_raise("resuming a run", strict=False):
            self._before = CURRENT.get()
            CURRENT.set(self._inside)
            if self._span is not None:
                self._span.resume()

    def finish(self, error: BaseException | None, state: str) -> None:
        """Stop being the current run, close the span, emit what became of it. Called once."""
        self._ended = True
        self._leave()
        if error is not None and state == "FAIL" and self._emits:
            with never_raise("describing an error", strict=False):
                self._run_facets = {**self._run_facets, "errorMessage": error_facet(error)}
        if otel.is_possible():
            with never_raise("closing a span", strict=False):
                if self._span is not None:
                    self._span.close(error if state == "FAIL" else None)
                otel.count_run(self.identity, state, time.perf_counter() - self._started_at)
        self._emit(state, strict=error is None)

    def _leave(self) -> None:
        # Runs that are not left in the order they were entered, or in another context, must not make an ended one current.
        if CURRENT.get() is self:
            before = self._before
            while isinstance(before, Run) and before._ended:
                before = before._before
            CURRENT.set(before)

    def __enter__(self) -> Run:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finish(error, state_of(error))

    async def __aenter__(self) -> Run:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finish(error, state_of(error))

    def add_computed(self, inputs: Any = None, outputs: Any = None) -> None:
        """Add datasets that were computed from a call."""
        if inputs is not None:
            self._inputs = [*self._inputs, *read_datasets(inputs, "inputs")]
        if outputs is not None:
            self._outputs = [*self._outputs, *read_datasets(outputs, "outputs")]

    def _emit(self, event_type: str, *, strict: bool = True) -> None:
        if not self._emits:
            return
        try:
            event = RunEvent(
                event_type,
                _clock.now(),
                self.run_id,
                self._run_facets,
                self._job,
                self.namespace,
                self._job_facets,
                self._inputs,
                self._outputs,
            )
            # The client itself: `emit` would guard a second time, for each event.
            _client.current_client().emit_run(event)
        except Exception as error:
            if not swallows("making an event", error, strict=strict):
                raise


def run(
    job_name: str,
    *,
    namespace: str | None = None,
    inputs: Datasets = None,
    outputs: Datasets = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
) -> Run:
    """Return a run to be used with `with` or `async with`. The run id is a new one unless given.

    `namespace` is OpenLineage's job namespace (default: job_namespace of the configuration). START is emitted on entering;
    COMPLETE, FAIL (with the error) or ABORT (cancelled, interrupted) on leaving. Exceptions pass untouched.
    """
    return Run(
        Job(
            job_name,
            namespace=namespace,
            inputs=inputs,
            outputs=outputs,
            description=description,
            tags=tags,
            run_id=run_id,
        )
    )


def current_run() -> Run | None:
    """Return the run of this process that this code is part of, or None."""
    current = CURRENT.get()
    return current if isinstance(current, Run) else None


def _described(
    dataset: dict[str, Any], member: str, describe: Callable[..., dict[str, Any]], *values: Any
) -> dict[str, Any]:
    """Return the dataset with one facet more; as it is, if the facet cannot be made."""
    with never_raise("describing a dataset"):
        return with_facets(dataset, member, describe(*values))
    return dataset


def state_of(error: BaseException | None) -> str:
    """Return what became of a run that ended like this: COMPLETE, FAIL or ABORT."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "COMPLETE"
    if isinstance(error, GeneratorExit | KeyboardInterrupt):
        return "ABORT"
    # asyncio costs 25 ms to import; who is cancelled by it has it.
    asyncio = sys.modules.get("asyncio")
    return "ABORT" if asyncio is not None and isinstance(error, asyncio.CancelledError) else "FAIL"
