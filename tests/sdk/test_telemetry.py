"""Telemetry: runs and spans name each other; an application's own OpenTelemetry is used, and never replaced."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._telemetry import otel
from lineagehub_sdk.telemetry import configure_telemetry, log_exporter, metric_exporter, span_exporter
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
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
    otel.use_tracer(provider.get_tracer("test"))
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


def _attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}


def _services_and_spans(requests: list[tuple[dict[str, str], bytes]]) -> set[tuple[str, str]]:
    return {
        (_attributes(resource.resource.attributes)["service.name"], span.name)
        for _, body in requests
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_telemetry_track_needs_no_set_up_and_says_its_service(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key", service_name="default-service")

    @sdk.telemetry_track("first", service_name="other-service")
    def first() -> None: ...

    @sdk.telemetry_track("second")
    def second() -> None: ...

    first()
    second()
    provider = otel._tracers._provider  # type: ignore[union-attr] # what was set up on demand
    provider.shutdown()
    assert _services_and_spans(hub_double.span_requests) == {("other-service", "first"), ("default-service", "second")}
    assert {headers["authorization"] for headers, _ in hub_double.span_requests} == {"Bearer lh_key"}


def test_runs_are_counted_and_the_metrics_go_over_http_with_the_key(hub_double: HubDouble) -> None:
    config = sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key", job_namespace="team")
    provider = configure_telemetry("nightly", config)
    for error in (None, KeyError("missing"), KeyboardInterrupt()):
        with contextlib.suppress(KeyError, KeyboardInterrupt), sdk.run("job"):
            if error is not None:
                raise error
    provider.shutdown()
    ((headers, body),) = hub_double.metric_requests
    assert headers["authorization"] == "Bearer lh_key"
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    assert _attributes(resource.resource.attributes)["service.name"] == "nightly"
    counted: dict[tuple[str, str | None], int] = {}
    for metric in resource.scope_metrics[0].metrics:
        temporality = getattr(metric, metric.WhichOneof("data") or "").aggregation_temporality
        assert temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        points = [(point.attributes, point.as_int) for point in metric.sum.data_points]
        points += [(point.attributes, point.count) for point in metric.histogram.data_points]
        for pairs, count in points:
            attributes = _attributes(pairs)
            assert (attributes["lineage.job_namespace"], attributes["lineage.job_name"]) == ("team", "job")
            counted[metric.name, attributes.get("lineage.run_state")] = count
    assert counted == {
        ("pipeline_runs_total", "COMPLETE"): 1,
        ("pipeline_runs_total", "FAIL"): 1,
        ("pipeline_runs_total", "ABORT"): 1,
        ("pipeline_runs_success_total", None): 1,
        ("pipeline_runs_failed_total", None): 1,
        ("pipeline_duration_milliseconds", None): 3,
    }


APPLICATION = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
own = TracerProvider()
own.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(own)

import lineagehub_sdk as sdk

@sdk.telemetry_track("tracked")
def tracked(): ...

@sdk.lineage_track("run")
def run(): tracked()

with trace.get_tracer("application").start_as_current_span("its own"):
    run()
assert trace.get_tracer_provider() is own
names = [span.name for span in exporter.get_finished_spans()]
assert names == NAMES, names
spans = {span.name: span for span in exporter.get_finished_spans()}
"""


def _run_application(names: list[str], more: str = "", **environment: str) -> None:
    code = APPLICATION.replace("NAMES", repr(names)) + more
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment() | {"LINEAGEHUB_TRANSPORT": "none"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_an_applications_own_global_provider_gets_the_spans_and_stays() -> None:
    _run_application(
        ["tracked", "run", "its own"],
        """
assert spans["run"].parent.span_id == spans["its own"].context.span_id
assert spans["tracked"].parent.span_id == spans["run"].context.span_id
assert spans["tracked"].attributes["lineage.run_id"] == spans["run"].attributes["lineage.run_id"]
""",
    )


@pytest.mark.parametrize("variable", ["LINEAGEHUB_ENABLE_TELEMETRY", "LINEAGE_HUB_ENABLE_TELEMETRY"])
def test_telemetry_that_is_switched_off_adds_no_span_to_an_applications(variable: str) -> None:
    _run_application(["its own"], **{variable: "false"})


def test_otel_sdk_disabled_is_respected() -> None:
    _run_application([], OTEL_SDK_DISABLED="true")


def test_an_application_adds_the_hub_to_its_own_provider(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(span_exporter()))
    provider.get_tracer("application").start_span("its own").end()
    ((headers, _),) = hub_double.span_requests
    assert headers["authorization"] == "Bearer lh_key"


def test_an_applications_logs_go_to_the_hub_and_name_the_span_of_their_run(hub_double: HubDouble) -> None:
    config = sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key")
    spans = configure_telemetry("nightly", config)
    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(log_exporter()))
    with sdk.run("job"):
        logs.get_logger("application").emit(severity_number=SeverityNumber.WARN, body="seven rows were empty")
    logs.shutdown()
    spans.shutdown()
    ((headers, body),) = hub_double.log_requests
    assert headers["authorization"] == "Bearer lh_key"
    (log,) = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    assert log.body.string_value == "seven rows were empty"
    (span,) = (
        ExportTraceServiceRequest.FromString(hub_double.span_requests[0][1]).resource_spans[0].scope_spans[0].spans
    )
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)


def test_an_exporter_without_a_way_to_the_hub_discards(memory: Events) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(span_exporter()))
    provider.get_tracer("application").start_span("its own").end()
    provider.shutdown()
    meters = MeterProvider([PeriodicExportingMetricReader(metric_exporter())])
    meters.get_meter("application").create_counter("own").add(1)
    meters.shutdown()
    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(log_exporter()))
    logs.get_logger("application").emit(body="its own")
    logs.shutdown()


WITHOUT = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")
sys.modules["opentelemetry.sdk.trace"] = None
import lineagehub_sdk as sdk

@sdk.telemetry_track("first")
def first(): return 1

@sdk.telemetry_track
@sdk.lineage_track("second")
def second(): return 2

assert (first(), first(), second()) == (1, 1, 2)
"""


def test_without_opentelemetry_tracked_functions_run_and_one_debug_line_says_so() -> None:
    environment = clean_environment() | {"LINEAGEHUB_TRANSPORT": "none"}
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if "opentelemetry" in line]
    assert line.startswith("DEBUG lineagehub:")
    assert "pip install 'lineagehub-sdk[otel]'" in line


def test_a_tracer_that_fails_costs_a_run_no_more_than_its_span(memory: Events) -> None:
    class Broken:
        def start_span(self, *arguments: object, **options: object) -> None:
            raise RuntimeError("no spans today")

    otel.use_tracer(Broken())

    @sdk.telemetry_track
    @sdk.lineage_track("job")
    def work() -> int:
        return 7

    assert work() == 7
    assert sdk.flush(10)
    assert [event["eventType"] for event in memory] == ["START", "COMPLETE"]


def test_a_span_of_a_telemetry_track_names_the_run_it_is_part_of(memory: Events) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    otel.use_tracer(provider.get_tracer("test"))

    @sdk.telemetry_track("inside", tags={"count": 3, "other": object})  # type: ignore[dict-item] # users do that
    def inside() -> None: ...

    with sdk.run("job") as run:
        inside()
    span = exporter.get_finished_spans()[0]
    assert span.attributes is not None
    assert (span.name, span.attributes["lineage.run_id"], span.attributes["count"]) == ("inside", run.run_id, 3)
