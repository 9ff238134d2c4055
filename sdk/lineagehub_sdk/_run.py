"""One run: START when it begins, COMPLETE, FAIL or ABORT when it ends. `with run("name") as r:`; the decorator uses it, too."""

from __future__ import annotations

import secrets
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Any

from lineagehub_sdk import _client, _otel
from lineagehub_sdk._context import CURRENT
from lineagehub_sdk._datasets import Dataset, to_openlineage
from lineagehub_sdk._events import error_facet, facet, parent_facet, run_event, trace_facet
from lineagehub_sdk._guard import never_raise


class Run:
    """A run of a job. Nothing here raises or blocks; what the body raises is left untouched."""

    def __init__(
        self,
        job_name: str,
        *,
        namespace: str | None = None,
        inputs: Iterable[Dataset] | None = None,
        outputs: Iterable[Dataset] | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
    ) -> None:
        self.job_name = job_name
        self.namespace = namespace or ""
        self.run_id = run_id or _uuid7()
        self._declared = (list(inputs or ()), list(outputs or ()))
        self._inputs: list[dict[str, Any]] = []
        self._outputs: list[dict[str, Any]] = []
        self._run_facets: dict[str, Any] = {}
        self._job_facets: dict[str, Any] = {}
        if description:
            self._job_facets["documentation"] = facet("1-1-0/DocumentationJobFacet", description=description)
        if tags:
            entries = [{"key": key, "value": str(value), "source": "USER"} for key, value in tags.items()]
            self._job_facets["tags"] = facet("1-0-0/TagsJobFacet", tags=entries)
        self.parent: Run | None = None
        self._token: Token[Run | None] | None = None
        self._span: Any = None

    def input(self, dataset: Dataset) -> None:
        """Add an input dataset."""
        with never_raise("adding an input"):
            self._inputs += to_openlineage([dataset])

    def output(self, dataset: Dataset, rows: int | None = None) -> None:
        """Add an output dataset, with the number of rows written if known."""
        with never_raise("adding an output"):
            added = to_openlineage([dataset])
            if rows is not None:
                statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=rows)
                added[0] = {**added[0], "outputFacets": {"outputStatistics": statistics}}
            self._outputs += added

    def facet(self, name: str, value: Mapping[str, Any]) -> None:
        """Set a run facet; `_producer` and `_schemaURL` are added when missing."""
        with never_raise("setting a facet"):
            self._run_facets[name] = {**facet("1-0-0/CustomRunFacet"), **value}

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
            self._span = _otel.open_span(self)
            if ids := _otel.current_ids():
                self._run_facets["lineagehub_trace"] = trace_facet(*ids)
            self._inputs = to_openlineage(self._declared[0])
            self._outputs = to_openlineage(self._declared[1])
            self._emit("START")
        self._token = CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)
        with never_raise("ending a run"):
            if error is None:
                self._emit("COMPLETE")
            elif _is_abort(error):
                self._emit("ABORT")
            else:
                self._run_facets["errorMessage"] = error_facet(error)
                self._emit("FAIL")
            _otel.close_span(self._span, error)

    def _emit(self, event_type: str) -> None:
        _client.emit(
            run_event(
                event_type=event_type,
                run_id=self.run_id,
                run_facets=self._run_facets,
                job_namespace=self.namespace,
                job_name=self.job_name,
                job_facets=self._job_facets,
                inputs=self._inputs,
                outputs=self._outputs,
            )
        )


def run(job_name: str, **arguments: Any) -> Run:
    """Return a run to be used with `with`. Arguments: namespace, inputs, outputs, description, tags, run_id."""
    return Run(job_name, **arguments)


def _is_abort(error: BaseException) -> bool:
    # asyncio costs 25 ms to import; who is cancelled by it has it.
    asyncio = sys.modules.get("asyncio")
    return isinstance(error, GeneratorExit | KeyboardInterrupt) or (
        asyncio is not None and isinstance(error, asyncio.CancelledError)
    )


def _identity(entry: Run) -> tuple[str, str, str]:
    return entry.run_id, entry.namespace, entry.job_name


def _uuid7() -> str:
    """Return a UUID version 7 (RFC 9562): ordered by time, as new OpenLineage clients make them."""
    number = (
        (time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    )
    return str(uuid.UUID(int=number))
