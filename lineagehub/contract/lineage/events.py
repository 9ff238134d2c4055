"""OpenLineage 2-0-2, the core: what an event must be to be taken in. Facets are whatever stands there; quarantine.py judges them.

Source: `spec/OpenLineage.json` of OpenLineage, version 2-0-2, and the hub's bounds. The kind of an event is told by its shape, never by
its schemaURL (some producers write one without a fragment, some a wrong one).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from lineagehub.contract.lineage.faults import MAXIMUM_TOKEN_LENGTH, Fault
from lineagehub.contract.lineage.formats import DateTime, Uri, Uuid

MAXIMUM_NAME_LENGTH = 8_192
MAXIMUM_DATASETS = 5_000
"""Inputs, or outputs, of one event. Real events have up to 2,000; 10,000 is an accident."""

_NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$(?!\n)"

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAXIMUM_NAME_LENGTH,
        pattern=_NO_CONTROLS,
        description=f"a text of 1 to {MAXIMUM_NAME_LENGTH} characters without control or direction-changing ones",
    ),
]
DatasetNamespace = Annotated[
    str,
    Meta(
        max_length=MAXIMUM_NAME_LENGTH,
        pattern=_NO_CONTROLS,
        description=f"a text of at most {MAXIMUM_NAME_LENGTH} characters without control or direction-changing ones",
    ),
]
"""May be empty: that of a file on Airflow's own disk is."""

FacetName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAXIMUM_TOKEN_LENGTH,
        description=f"a facet name of 1 to {MAXIMUM_TOKEN_LENGTH} characters",
    ),
]
Facets = dict[FacetName, Any]
EventType = Annotated[
    Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"],
    Meta(description="one of START, RUNNING, COMPLETE, ABORT, FAIL, OTHER"),
]


class Job(Struct):
    """A job by its name; `facets` describe it."""

    namespace: Name
    name: Name
    facets: Facets = {}


class Run(Struct):
    """One run of a job. The same id in another letter case is the same run."""

    run_id: Uuid = field(name="runId")
    facets: Facets = {}


class InputDataset(Struct):
    """A dataset that was read."""

    namespace: DatasetNamespace
    name: Name
    facets: Facets = {}
    input_facets: Facets = field(name="inputFacets", default_factory=dict)


class OutputDataset(Struct):
    """A dataset that was written."""

    namespace: DatasetNamespace
    name: Name
    facets: Facets = {}
    output_facets: Facets = field(name="outputFacets", default_factory=dict)


class StaticDataset(Struct):
    """A dataset described by itself, apart from any run."""

    namespace: DatasetNamespace
    name: Name
    facets: Facets = {}


Inputs = Annotated[
    list[InputDataset],
    Meta(max_length=MAXIMUM_DATASETS, description=f"an array of at most {MAXIMUM_DATASETS} datasets"),
]
Outputs = Annotated[
    list[OutputDataset],
    Meta(max_length=MAXIMUM_DATASETS, description=f"an array of at most {MAXIMUM_DATASETS} datasets"),
]


class RunEvent(Struct):
    """Something happened to a run. Has `run`."""

    event_time: DateTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    run: Run
    job: Job
    event_type: EventType | UnsetType = field(name="eventType", default=UNSET)
    inputs: Inputs = field(default_factory=list)
    outputs: Outputs = field(default_factory=list)


class JobEvent(Struct):
    """A job described apart from any run. Has `job` and no `run`."""

    event_time: DateTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    job: Job
    inputs: Inputs = field(default_factory=list)
    outputs: Outputs = field(default_factory=list)


class DatasetEvent(Struct):
    """A dataset described apart from any run. Has `dataset`, and neither `run` nor `job`."""

    event_time: DateTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    dataset: StaticDataset


LineageEvent = RunEvent | JobEvent | DatasetEvent


def kind_of(document: Any) -> type[RunEvent | JobEvent | DatasetEvent] | Fault:
    """Tell the kind of a decoded event by its shape, or the fault that it is of none."""
    if not isinstance(document, dict):
        return Fault("", "must be a JSON object, one event; an array of events is a batch.")
    if "run" in document:
        return RunEvent
    if "job" in document and "dataset" in document:
        return Fault(
            "", "has `job` and `dataset` but no `run`: a JobEvent has `job` only, a DatasetEvent `dataset` only."
        )
    if "job" in document:
        return JobEvent
    if "dataset" in document:
        return DatasetEvent
    return Fault("", "has none of `run`, `job` and `dataset`, so it is no OpenLineage event.")
