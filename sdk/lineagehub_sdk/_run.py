"""One run: START when it begins, COMPLETE, FAIL or ABORT when it ends. `with run("name") as r:`; the decorator uses it, too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Any

from lineagehub_sdk import _client, _clock, _otel
from lineagehub_sdk._context import CURRENT
from lineagehub_sdk._datasets import Dataset, Datasets, several, to_openlineage
from lineagehub_sdk._events import (
    custom_run_facet,
    documentation_facet,
    error_facet,
    facet,
    parent_facet,
    run_event,
    tags_facet,
    trace_facet,
)
from lineagehub_sdk._guard import never_raise


class Run:
    """A run of a job. Nothing here raises or blocks; what the body raises is left untouched."""

    def __init__(
        self,
        job_name: str,
        *,
        namespace: str | None = None,
        inputs: Datasets = None,
        outputs: Datasets = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
    ) -> None:
        self.job_name = job_name
        self.namespace = namespace or ""
        self.run_id = str(run_id or _clock.new_id())
        self.parent: Run | None = None
        self._declared = (inputs, outputs, description, tags)
        self._inputs: list[dict[str, Any]] = []
        self._outputs: list[dict[str, Any]] = []
        self._run_facets: dict[str, Any] = {}
        self._job_facets: dict[str, Any] = {}
        self._token: Token[Run | None] | None = None
        self._span: Any = None

    def input(self, dataset: Dataset) -> None:
        """Add an input dataset."""
        with never_raise("adding an input"):
            self._inputs.append(to_openlineage(dataset))

    def output(self, dataset: Dataset, rows: int | None = None) -> None:
        """Add an output dataset, with the number of rows written if known."""
        with never_raise("adding an output"):
            added = to_openlineage(dataset)
            if rows is not None:
                statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=int(rows))
                added = {**added, "outputFacets": {**added.get("outputFacets", {}), "outputStatistics": statistics}}
            self._outputs.append(added)

    def facet(self, name: str, value: Mapping[str, Any]) -> None:
        """Set a run facet; `_producer` and `_schemaURL` are added when missing. One that is no JSON is left out."""
        with never_raise("setting a facet"):
            added = custom_run_facet(value)
            json.dumps(added, allow_nan=False)
            self._run_facets[name] = added

    @property
    def root(self) -> Run:
        """The outermost run that this one is part of."""
        return self.parent.root if self.parent else self

    def __enter__(self) -> Run:
        with never_raise("starting a run"):
            self.namespace = self.namespace or _client.current_config().job_namespace
            self.parent = CURRENT.get()
            if self.parent is not None:
                self._run_facets["parent"] = parent_facet(_identity(self.parent), _identity(self.root))
        with never_raise("naming the trace"):
            self._span = _otel.open_span(self)
            if ids := _otel.current_ids():
                self._run_facets["lineagehub_trace"] = trace_facet(*ids)
        self._describe()
        self._emit("START")
        self._token = CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with never_raise("leaving a run", strict=False):
            if self._token is not None:
                CURRENT.reset(self._token)
        with never_raise("describing an error", strict=False):
            if error is not None and not _is_abort(error):
                self._run_facets["errorMessage"] = error_facet(error)
        with never_raise("closing a span", strict=False):
            _otel.close_span(self._span, error)
        self._emit("COMPLETE" if error is None else "ABORT" if _is_abort(error) else "FAIL", strict=error is None)

    def _describe(self) -> None:
        """Take in what was declared, piece by piece: one that is wrong costs no other."""
        inputs, outputs, description, tags = self._declared
        with never_raise("reading the inputs"):
            for dataset in several(inputs):
                self.input(dataset)
        with never_raise("reading the outputs"):
            for dataset in several(outputs):
                self.output(dataset)
        with never_raise("reading description and tags"):
            if description:
                self._job_facets["documentation"] = documentation_facet(description)
            if tags:
                self._job_facets["tags"] = tags_facet(tags)

    def _emit(self, event_type: str, *, strict: bool = True) -> None:
        with never_raise("making an event", strict=strict):
            event = run_event(
                event_type=event_type,
                run_id=self.run_id,
                run_facets=self._run_facets,
                job_namespace=self.namespace,
                job_name=self.job_name,
                job_facets=self._job_facets,
                inputs=self._inputs,
                outputs=self._outputs,
            )
            _client.emit(event)


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
    """Return a run to be used with `with`. `namespace` is OpenLineage's job namespace; the run id is a new one unless given."""
    return Run(
        job_name,
        namespace=namespace,
        inputs=inputs,
        outputs=outputs,
        description=description,
        tags=tags,
        run_id=run_id,
    )


def _is_abort(error: BaseException) -> bool:
    # asyncio costs 25 ms to import; who is cancelled by it has it.
    asyncio = sys.modules.get("asyncio")
    return isinstance(error, GeneratorExit | KeyboardInterrupt) or (
        asyncio is not None and isinstance(error, asyncio.CancelledError)
    )


def _identity(entry: Run) -> tuple[str, str, str]:
    return entry.run_id, entry.namespace, entry.job_name
