"""Telemetry: runs and spans name each other; an application's own OpenTelemetry is used, and never replaced."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk import _otel
from lineagehub_sdk.telemetry import configure_telemetry
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.sdk.conftest import HubDouble
from tests.support.hub import clean_environment

Events = list[dict[str, Any]]


def test_a_run_under_an_applications_span_names_it_without_any_set_up(memory: Events) -> None:
    with TracerProvider().get_tracer("application").start_as_current_span("its own") as span, sdk.run("job"):
        pass
    sdk.flush(10)
    context = span.get_span_context()
    facet = memory[0]["run"]["facets"]["lineagehub_trace"]
    assert (facet["traceId"], facet["spanId"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def test_a_run_without_a_span_has_no_trace_facet(memory: Events) -> None:
    with sdk.run("job"):
        pass
    sdk.flush(10)
    assert "lineagehub_trace" not in memory[0]["run"]["facets"]


def test_each_run_is_a_span_under_the_applications_and_a_failed_one_says_so(memory: Events) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _otel.use_tracer(provider.get_tracer("test"))
    with (
        TracerProvider().get_tracer("application").start_as_current_span("its own") as own,
        pytest.raises(KeyError),
        sdk.run("outer") as outer,
        sdk.run("inner"),
    ):
        raise KeyError("missing")
    inner_span, outer_span = exporter.get_finished_spans()
    assert outer_span.parent is not None
    assert outer_span.parent.span_id == own.get_span_context().span_id
    assert inner_span.parent is not None
    assert outer_span.context is not None
    assert inner_span.parent.span_id == outer_span.context.span_id
    assert outer_span.attributes == {
        "lineage.run_id": outer.run_id,
        "lineage.job_namespace": "default",
        "lineage.job_name": "outer",
    }
    assert inner_span.status.description == "KeyError: 'missing'"
    assert [event.name for event in inner_span.events] == ["exception"]


def test_spans_go_over_http_with_the_key_and_the_global_provider_stays(hub_double: HubDouble) -> None:
    before = trace.get_tracer_provider()
    config = sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key", flush_interval=0.01)
    provider = configure_telemetry("nightly", config)
    with sdk.run("job") as run:
        pass
    provider.shutdown()
    ((headers, body),) = hub_double.span_requests
    assert headers["authorization"] == "Bearer lh_key"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert ("service.name", "nightly") in [(pair.key, pair.value.string_value) for pair in resource.resource.attributes]
    attributes = resource.scope_spans[0].spans[0].attributes
    assert ("lineage.run_id", run.run_id) in [(pair.key, pair.value.string_value) for pair in attributes]
    assert trace.get_tracer_provider() is before


def test_the_global_provider_is_replaced_when_asked() -> None:
    code = """
from lineagehub_sdk.telemetry import configure_telemetry
from opentelemetry import trace
assert configure_telemetry(set_global=True) is trace.get_tracer_provider()
"""
    environment = clean_environment() | {"LINEAGEHUB_TRANSPORT": "none", "OTEL_SERVICE_NAME": "from the environment"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"disabled": True}, ""),
        ({"transport": "memory"}, ""),
        ({}, "LINEAGEHUB_URL"),
        ({"transport": "http"}, "LINEAGEHUB_URL"),
        ({"transport": "kafka"}, "LINEAGEHUB_NAMESPACE"),
    ],
)
def test_without_a_way_to_the_hub_spans_are_made_and_shipped_nowhere(
    arguments: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = configure_telemetry("service", sdk.configure(**arguments))
    with provider.get_tracer("t").start_as_current_span("span") as span:
        assert span.is_recording()
    provider.shutdown()
    assert words in caplog.text
    assert bool(words) == bool(caplog.text)


def test_without_opentelemetry_the_command_that_installs_it_is_shown() -> None:
    code = "import sys; sys.modules['opentelemetry.sdk.trace'] = None; import lineagehub_sdk.telemetry"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "pip install 'lineagehub-sdk[otel]'" in result.stderr.splitlines()[-1]
