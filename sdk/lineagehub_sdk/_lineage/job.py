"""What is declared of a job: by `lineage_track`, for all its runs; by `run(...)`, for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lineagehub_sdk._delivery.encoding import frozen
from lineagehub_sdk._guard import never_raise
from lineagehub_sdk._lineage.datasets import several, to_openlineage
from lineagehub_sdk._lineage.facets import documentation_facet, tags_facet


class WrittenJob(NamedTuple):
    """JSON of what an event says of its job and its datasets, the record key of an event without a parent, whether anything was coerced."""

    text: str
    key: bytes
    coerced: bool


class Job:
    """What is declared of a job, read once for all its runs. What makes no sense is logged, and costs no more than itself."""

    __slots__ = (
        "compute_inputs",
        "compute_outputs",
        "facets",
        "inputs",
        "name",
        "namespace",
        "outputs",
        "run_id",
        "written",
    )

    def __init__(
        self,
        name: str,
        *,
        namespace: str | None,
        inputs: Any,
        outputs: Any,
        description: str | None,
        tags: Mapping[str, str] | None,
        run_id: str | None,
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.run_id = run_id
        self.compute_inputs: Callable[..., Any] | None = inputs if callable(inputs) else None
        self.compute_outputs: Callable[..., Any] | None = outputs if callable(outputs) else None
        self.inputs = [] if callable(inputs) else read_datasets(inputs, "inputs")
        self.outputs = [] if callable(outputs) else read_datasets(outputs, "outputs")
        self.facets: dict[str, Any] = {}
        self.written: dict[str, WrittenJob] = {}
        """How the events of its runs end, by namespace: made with the first of them (`run_event`)."""
        with never_raise("reading description and tags"):
            if description:
                self.facets["documentation"] = documentation_facet(description)
            if tags:
                self.facets["tags"] = tags_facet(tags)


def read_datasets(datasets: Any, what: str) -> list[dict[str, Any]]:
    """Return datasets as OpenLineage has them, without those that make no sense: one that is wrong costs no other."""
    read: list[dict[str, Any]] = []
    given: tuple[Any, ...] = ()
    with never_raise(f"reading the {what}"):
        given = several(datasets)
    for dataset in given:
        with never_raise(f"reading the {what}"):
            # What the caller changes afterwards no longer matters.
            read.append(frozen(to_openlineage(dataset)))
    return read
