"""Spans and metrics in the hub's own JSON, converted to OTLP one by one: what telemetry_ingest.py takes in.

Their times are milliseconds and their durations microseconds, as clients of the hub have always sent them. Numbers are
read as decimals: a double holds a time of today to a quarter of a microsecond only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from google.protobuf.message import Message
from msgspec import Meta, Raw, Struct
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason
from lineagehub.web.documents import decode_as, parse_json
from lineagehub.web.problems import SCHEMA_INVALID, Refused, problem_of
from lineagehub.web.receivers.otlp_traces import LATEST_NANOSECOND

M = TypeVar("M", bound=Message)
MAXIMUM_TAG_DEPTH = 16
"""Protobuf takes 100 levels of messages; one level of a tag's value needs up to three."""
MICROSECONDS_FROM = Decimal(10**14)
"""A span's log may be in microseconds, as Jaeger's are. As milliseconds this number is the year 5138, as microseconds
1973."""
KINDS = {"UNSPECIFIED": 0, "INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
STATUS_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}
TEMPORALITIES = {"delta": "AGGREGATION_TEMPORALITY_DELTA", "cumulative": "AGGREGATION_TEMPORALITY_CUMULATIVE"}

_NUMBER = {"type": "number", "format": "double"}
TraceId = Annotated[str, Meta(pattern=r"^(?!0+$)[0-9A-Fa-f]{32}$", description="32 hexadecimal digits, not all zero")]
SpanId = Annotated[str, Meta(pattern=r"^(?!0+$)[0-9A-Fa-f]{16}$", description="16 hexadecimal digits, not all zero")]
ParentId = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{16})?$", description="16 hexadecimal digits; empty: a root")]
Name = Annotated[str, Meta(min_length=1, max_length=8_192)]
Time = Annotated[
    Raw, Meta(description="milliseconds since 1970, with a fraction down to nanoseconds", extra_json_schema=_NUMBER)
]
Duration = Annotated[
    Raw, Meta(description="microseconds, with a fraction down to nanoseconds", extra_json_schema=_NUMBER)
]


class HubSpanStatus(Struct):
    """How a span ended: UNSET, OK or ERROR, or OTLP's number of it."""

    code: str | int = "UNSET"
    message: str | None = None


class HubSpanLog(Struct):
    """Something that happened within a span; `name`, else `fields.event`, names it."""

    timestamp: Time
    name: str | None = None
    fields: dict[str, Any] = {}


class HubSpan(Struct, rename="camel"):
    """One span. `kind`: INTERNAL, SERVER, CLIENT, PRODUCER or CONSUMER, or OTLP's number of it."""

    trace_id: TraceId
    span_id: SpanId
    operation_name: Name
    start_time: Time
    duration: Duration
    parent_span_id: ParentId | None = None
    service_name: Name = "unknown_service"
    kind: str | int | None = None
    status: HubSpanStatus | None = None
    tags: dict[str, Any] | None = None
    logs: list[HubSpanLog] | None = None


class HubMetric(Struct, rename="camel"):
    """One data point. `type`: `counter` or `gauge`.

    A counter's value is what was added since the one before, unless `temporality` is `cumulative`.
    """

    name: Name
    type: str
    value: int | float
    timestamp: Time
    unit: str | None = None
    service_name: Name = "unknown_service"
    temporality: str | None = None
    tags: dict[str, Any] | None = None


_SPAN, _METRIC = msgspec.json.Decoder(HubSpan), msgspec.json.Decoder(HubMetric)


@dataclass(frozen=True, slots=True)
class Item(Generic[M]):
    """One item in OTLP, and the service that its resource names."""

    service: str
    message: M


Read = Callable[[bytes], Item[Any]]


def read_span(body: bytes) -> Item[Span]:
    """Return a span of the hub's JSON in OTLP. Refuses with 400, 413 or 422, naming the member at fault."""
    parse_json(body)
    given = decode_as(body, _SPAN, "The span")
    start = _time(given.start_time, "/startTime")
    span = Span(
        trace_id=bytes.fromhex(given.trace_id),
        span_id=bytes.fromhex(given.span_id),
        parent_span_id=bytes.fromhex(given.parent_span_id or ""),
        name=given.operation_name,
        kind=_number_of(given.kind if given.kind is not None else "INTERNAL", KINDS, "SPAN_KIND_", "/kind"),
        start_time_unix_nano=start,
        end_time_unix_nano=_end(start, given.duration),
        attributes=_attributes(given.tags or {}, "/tags"),
    )
    if given.status is not None:
        span.status.code = _number_of(given.status.code, STATUS_CODES, "STATUS_CODE_", "/status/code")
        span.status.message = given.status.message or ""
    for index, log in enumerate(given.logs or ()):
        span.events.append(_event(log, f"/logs/{index}"))
    return Item(given.service_name, span)


def read_metric(body: bytes) -> Item[Metric]:
    """Return a metric of the hub's JSON in OTLP: a Gauge, or a monotonic Sum. Refuses with 400, 413 or 422."""
    parse_json(body)
    given = decode_as(body, _METRIC, "The metric")
    metric = Metric(name=given.name, unit=given.unit or "")
    kind = given.type.lower()
    if kind == "counter":
        if given.value < 0:
            raise _wrong("/value", "is negative, and a counter only grows; send a gauge")
        temporality = TEMPORALITIES.get((given.temporality or "delta").lower())
        if temporality is None:
            raise _wrong("/temporality", f"is {given.temporality!r:.40}, and has to be delta or cumulative")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AggregationTemporality.Value(temporality)
        points = metric.sum.data_points
    elif kind == "gauge":
        points = metric.gauge.data_points
    else:
        raise _wrong("/type", f"is {given.type!r:.40}, and has to be counter or gauge; /v1/metrics takes every kind")
    point = points.add(
        time_unix_nano=_time(given.timestamp, "/timestamp"),
        attributes=_attributes(given.tags or {}, "/tags"),
    )
    if isinstance(given.value, int) and -(2**63) <= given.value < 2**63:
        point.as_int = given.value
    else:
        point.as_double = float(given.value)
    return Item(given.service_name, metric)


def _event(log: HubSpanLog, pointer: str) -> Span.Event:
    time = _decimal(log.timestamp, f"{pointer}/timestamp")
    named = log.fields.get("event")
    return Span.Event(
        time_unix_nano=_nanoseconds(time, 1_000 if time >= MICROSECONDS_FROM else 1_000_000, f"{pointer}/timestamp"),
        name=log.name or (named if isinstance(named, str) else "log"),
        attributes=_attributes(log.fields, f"{pointer}/fields"),
    )


def _time(given: Raw, pointer: str) -> int:
    return _nanoseconds(_decimal(given, pointer), 1_000_000, pointer)


def _nanoseconds(time: Decimal, unit: int, pointer: str) -> int:
    # Compared before it is multiplied: a power of ten of nine digits must not become an integer.
    if not 0 <= time <= LATEST_NANOSECOND // unit:
        raise _wrong(pointer, "is no time from 1970 to 2262; check its unit", Reason.TIMESTAMP_OUT_OF_RANGE)
    return int((time * unit).to_integral_value())


def _end(start: int, given: Raw) -> int:
    duration = _decimal(given, "/duration")
    if not 0 <= duration <= (LATEST_NANOSECOND - start) // 1_000:
        raise _wrong(
            "/duration",
            "is negative, or ends after the year 2262; it is in microseconds",
            Reason.TIMESTAMP_OUT_OF_RANGE,
        )
    return start + int((duration * 1_000).to_integral_value())


def _decimal(given: Raw, pointer: str) -> Decimal:
    text = bytes(given).strip()
    try:
        # A text in JSON keeps its quotes here, and is no number.
        return Decimal(text.decode())
    except InvalidOperation as error:
        raise _wrong(pointer, f"is {text[:40].decode(errors='replace')}, and has to be a number") from error


def _number_of(given: str | int, numbers: Mapping[str, int], prefix: str, pointer: str) -> Any:
    if isinstance(given, str) and (number := numbers.get(given.upper().removeprefix(prefix))) is not None:
        return number
    if given in numbers.values():
        return given
    raise _wrong(pointer, f"is {given!r:.40}, and has to be one of {', '.join(numbers)}")


def _attributes(tags: Mapping[str, Any], pointer: str) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value, f"{pointer}/{_token(key)}", 1)) for key, value in tags.items()]


def _any_value(value: Any, pointer: str, depth: int) -> AnyValue:
    if depth > MAXIMUM_TAG_DEPTH:
        raise _wrong(pointer, f"is nested more than {MAXIMUM_TAG_DEPTH} levels deep", Reason.TOO_DEEP)
    result = AnyValue()
    if isinstance(value, bool):
        result.bool_value = value
    elif isinstance(value, str):
        result.string_value = value
    elif isinstance(value, float):
        result.double_value = value
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise _wrong(pointer, "is a whole number of more than 64 bits; send it as text")
        result.int_value = value
    elif isinstance(value, list):
        result.array_value.SetInParent()
        for index, member in enumerate(value):
            result.array_value.values.append(_any_value(member, f"{pointer}/{index}", depth + 1))
    elif isinstance(value, dict):
        result.kvlist_value.SetInParent()
        for key, member in value.items():
            inner = _any_value(member, f"{pointer}/{_token(key)}", depth + 1)
            result.kvlist_value.values.add(key=key, value=inner)
    return result


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _wrong(pointer: str, detail: str, reason: Reason = Reason.SCHEMA_INVALID) -> Refused:
    problem = SCHEMA_INVALID if reason is Reason.SCHEMA_INVALID else problem_of(reason)
    return Refused(problem, f"{pointer} {detail}.", [Fault(pointer, f"{detail}.", reason)])
