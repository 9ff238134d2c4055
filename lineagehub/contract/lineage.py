"""OpenLineage 2-0-2, the core: what an event must look like to be taken in, and every fault of one that does not.

Source: `spec/OpenLineage.json` of OpenLineage, version 2-0-2. The kind of an event is told by its shape, never by its
schemaURL (some producers write one without a fragment, some a wrong one). Facets stay as they are: one that lacks
`_producer`, or is null as old producers send it, is no reason to lose the event. Used by the web before it produces;
bytes are passed on untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from lineagehub.contract.reasons import Reason

MAXIMUM_NAME_LENGTH = 8_192
MAXIMUM_FACET_NAME_LENGTH = 256
MAXIMUM_DATASETS = 5_000
"""Inputs, or outputs, of one event. Real events have up to 2,000; 10,000 is an accident."""
MAXIMUM_FAULTS = 50
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MAXIMUM_AHEAD = timedelta(minutes=10)

# `$(?!\n)`: Python's `$` also matches before a last line break, JSON Schema's does not; this means the end to both.
_NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+$(?!\n)"
_RFC_3339 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$(?!\n)"
)
_UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$(?!\n)"
_URI = r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\u0022{}|\\^`\u0000-\u0020]+$(?!\n)"

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAXIMUM_NAME_LENGTH,
        pattern=_NO_CONTROLS,
        description=f"a text of 1 to {MAXIMUM_NAME_LENGTH} characters without control or direction-changing ones",
    ),
]
EventTime = Annotated[
    str, Meta(pattern=_RFC_3339, description="an RFC 3339 date-time with a zone, such as 2026-01-31T12:00:00.123Z")
]
RunId = Annotated[str, Meta(pattern=_UUID, description="a UUID such as 01941f29-7c00-7087-8940-40e5d549bbd4")]
Uri = Annotated[str, Meta(pattern=_URI, description="an absolute URI")]
FacetName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAXIMUM_FACET_NAME_LENGTH,
        description=f"a facet name of 1 to {MAXIMUM_FACET_NAME_LENGTH} characters",
    ),
]
EventType = Annotated[
    Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"],
    Meta(description="one of START, RUNNING, COMPLETE, ABORT, FAIL, OTHER"),
]


class Facet(Struct):
    """Any object. What a facet holds is its producer's business."""


Facets = dict[FacetName, Facet | None]


class Job(Struct):
    """A job by its name; `facets` describe it."""

    namespace: Name
    name: Name
    facets: Facets = {}


class Run(Struct):
    """One run of a job. The same id in another letter case is the same run."""

    run_id: RunId = field(name="runId")
    facets: Facets = {}


class InputDataset(Struct):
    """A dataset that was read."""

    namespace: Name
    name: Name
    facets: Facets = {}
    input_facets: Facets = field(name="inputFacets", default_factory=dict)


class OutputDataset(Struct):
    """A dataset that was written."""

    namespace: Name
    name: Name
    facets: Facets = {}
    output_facets: Facets = field(name="outputFacets", default_factory=dict)


class StaticDataset(Struct):
    """A dataset described by itself, apart from any run."""

    namespace: Name
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

    event_time: EventTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    run: Run
    job: Job
    event_type: EventType | UnsetType = field(name="eventType", default=UNSET)
    inputs: Inputs = field(default_factory=list)
    outputs: Outputs = field(default_factory=list)


class JobEvent(Struct):
    """A job described apart from any run. Has `job` and no `run`."""

    event_time: EventTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    job: Job
    inputs: Inputs = field(default_factory=list)
    outputs: Outputs = field(default_factory=list)


class DatasetEvent(Struct):
    """A dataset described apart from any run. Has `dataset`, and neither `run` nor `job`."""

    event_time: EventTime = field(name="eventTime")
    producer: Uri
    schema_url: Uri = field(name="schemaURL")
    dataset: StaticDataset


LineageEvent = RunEvent | JobEvent | DatasetEvent


class Fault(Struct, frozen=True):
    """One fault of an event: where (a JSON pointer, RFC 6901; empty is the whole event), what, and which kind."""

    pointer: str
    detail: str
    reason: Reason = Reason.SCHEMA_INVALID


def find_faults(document: Any, now: datetime) -> list[Fault]:
    """Return every fault of one decoded event, at most 50; an empty list means that it is valid. Pure.

    `now` (aware): an event may be ten minutes ahead of it. Costs some 15 us for a valid event of 3 kB.
    """
    kind = kind_of(document)
    if isinstance(kind, Fault):
        return [kind]
    faults: list[Fault] = []
    for fault in _structural_faults(document, kind, ""):
        faults.append(fault)
        if len(faults) == MAXIMUM_FAULTS:
            return faults
    faults += _time_faults(document.get("eventTime"), now)
    run = document.get("run")
    if isinstance(run, dict) and run.get("runId") == "00000000-0000-0000-0000-000000000000":
        faults.append(Fault("/run/runId", "must not be the nil UUID: give each run an id of its own."))
    return faults


def kind_of(document: Any) -> type[RunEvent | JobEvent | DatasetEvent] | Fault:
    """Tell the kind of a decoded event by its shape, or the fault that it is of none."""
    if not isinstance(document, dict):
        return Fault("", "must be a JSON object.")
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


def parse_event_time(text: str) -> datetime:
    """Return an RFC 3339 date-time as aware UTC, cut to microseconds. Raises ValueError, for 30 February too."""
    if re.match(_RFC_3339, text) is None:
        raise ValueError("is no RFC 3339 date-time with a zone")
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _time_faults(text: Any, now: datetime) -> Iterator[Fault]:
    if not isinstance(text, str) or re.match(_RFC_3339, text) is None:
        return
    try:
        moment = parse_event_time(text)
    except (ValueError, OverflowError) as error:
        # Only years 1 and 9999 overflow, moved to UTC.
        overflow = isinstance(error, OverflowError)
        reason = Reason.TIMESTAMP_OUT_OF_RANGE if overflow else Reason.SCHEMA_INVALID
        yield Fault("/eventTime", f"is no time of the calendar: {error}.", reason)
        return
    if not EARLIEST <= moment <= now + MAXIMUM_AHEAD:
        yield Fault(
            "/eventTime",
            f"is {text}; it must lie between {EARLIEST:%Y-%m-%d} and ten minutes from now "
            f"(the hub's clock says {now:%Y-%m-%dT%H:%M:%SZ}).",
            Reason.TIMESTAMP_OUT_OF_RANGE,
        )


def _structural_faults(value: Any, kind: Any, pointer: str) -> Iterator[Fault]:
    """Yield what keeps `value` from being a `kind`: the smallest parts at fault, each with its own pointer."""
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        message = str(error).partition(" - at ")[0]
    parts = list(_parts_at_fault(value, kind, pointer))
    if parts:
        yield from parts
        return
    description = next((meta.description for meta in get_args(kind)[1:] if isinstance(meta, Meta)), None)
    yield Fault(pointer, f"must be {description}." if description else f"{message}.")


def _parts_at_fault(value: Any, kind: Any, pointer: str) -> Iterator[Fault]:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Struct):
        for member in msgspec.structs.fields(kind):
            if member.encode_name in value:
                yield from _structural_faults(
                    value[member.encode_name], _without_unset(member.type), _join(pointer, member.encode_name)
                )
            elif member.required:
                yield Fault(_join(pointer, member.encode_name), "is missing.")
    elif isinstance(value, list) and get_origin(kind) is list:
        for index, item in enumerate(value[:MAXIMUM_DATASETS]):
            yield from _structural_faults(item, get_args(kind)[0], _join(pointer, str(index)))
    elif isinstance(value, dict) and get_origin(kind) is dict:
        name_kind, item_kind = get_args(kind)
        for name, item in value.items():
            yield from _structural_faults(name, name_kind, _join(pointer, name[:MAXIMUM_FACET_NAME_LENGTH]))
            yield from _structural_faults(item, item_kind, _join(pointer, name[:MAXIMUM_FACET_NAME_LENGTH]))


def _without_unset(kind: Any) -> Any:
    alternatives = [alternative for alternative in get_args(kind) if alternative is not UnsetType]
    return alternatives[0] if UnsetType in get_args(kind) else kind


def _join(pointer: str, token: str) -> str:
    return f"{pointer}/{token.replace('~', '~0').replace('/', '~1')}"
