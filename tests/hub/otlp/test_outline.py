"""Outlines of OTLP requests: as many items, the same gathered fields and the same trees as walking the request finds."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.otlp.outline import Outline

SPANS = ("resource_spans", "scope_spans", "spans")
OUTLINE = Outline(ExportTraceServiceRequest, (SPANS,), gather=("trace_id", "start_time_unix_nano"))


def request(scopes: int = 2, spans: int = 3) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for place in range(scopes):
        scope = message.resource_spans.add().scope_spans.add()
        for number in range(spans):
            scope.spans.add(trace_id=bytes([place, number]) * 8, start_time_unix_nano=place * 100 + number)
    return message


def test_the_items_of_all_scopes_are_counted_and_their_fields_gathered_in_order() -> None:
    message = request()
    reading = OUTLINE.read(message.SerializeToString())
    (spans,) = reading.gathered
    walked = [span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert reading.items == 6
    assert list(spans.trace_id) == [span.trace_id for span in walked]
    # Zero is what protobuf does not write.
    assert list(spans.start_time_unix_nano) == [
        span.start_time_unix_nano for span in walked if span.start_time_unix_nano
    ]
    assert reading.tree_places() == []


def test_an_empty_request_has_no_items() -> None:
    reading = OUTLINE.read(b"")
    assert (reading.items, reading.tree_places()) == (0, [])
    assert [list(spans.trace_id) for spans in reading.gathered] == [[]]


@pytest.mark.parametrize("tree", ["array_value", "kvlist_value"])
@pytest.mark.parametrize("scalars_behind", [0, 1])
def test_a_single_tree_among_scalars_is_found_in_its_place(tree: str, scalars_behind: int) -> None:
    message = request()
    link = message.resource_spans[1].scope_spans[0].spans[0].links.add()
    getattr(link.attributes.add(key="tree").value, tree).SetInParent()
    for _ in range(scalars_behind):
        link.attributes.add(key="scalar").value.string_value = "after it"
    (place,) = OUTLINE.read(message.SerializeToString()).tree_places()
    assert place == (*SPANS, "links", "attributes", "value")


def test_points_of_every_kind_have_their_own_gathering() -> None:
    kinds = ("gauge", "sum")
    places = tuple(("resource_metrics", "scope_metrics", "metrics", kind, "data_points") for kind in kinds)
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    for number, kind in enumerate(kinds, 1):
        points = getattr(scope.metrics.add(), kind).data_points
        for _ in range(number):
            points.add(time_unix_nano=number)
    reading = Outline(ExportMetricsServiceRequest, places, gather=("time_unix_nano",)).read(message.SerializeToString())
    assert reading.items == 3
    assert [list(points.time_unix_nano) for points in reading.gathered] == [[1], [2, 2]]


@pytest.mark.parametrize("broken", [b"\xff\xff", request().SerializeToString()[:-1], b'{"resourceSpans":[]}'])
def test_what_does_not_parse_has_no_outline(broken: bytes) -> None:
    with pytest.raises(DecodeError):
        OUTLINE.read(broken)
