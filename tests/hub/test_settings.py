"""Settings from the environment: which topics may be bound to a namespace, and what is said of a setting that is wrong."""

from __future__ import annotations

import json

import pytest

from lineagehub.contract.topics import OPENLINEAGE_EVENTS, OTEL_LOGS, OTEL_METRICS, OTEL_SPANS
from lineagehub.errors import ConfigurationError
from lineagehub.settings import KafkaSettings, load_settings

VARIABLE = "LINEAGEHUB_KAFKA_BOUND_TOPICS"


def fault_of(monkeypatch: pytest.MonkeyPatch, value: str, variable: str = VARIABLE) -> str:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert caught.value.next_step == f"Correct or unset {variable}."
    return str(caught.value)


def test_each_topic_of_the_contract_has_those_that_are_bound_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = {"openlineage-events.b": "team-b", "otel-spans.a": "team-a", "openlineage-events.a.2": "team-a"}
    monkeypatch.setenv(VARIABLE, json.dumps(bound))
    kafka = load_settings().kafka
    assert kafka.bound_topics == bound
    assert kafka.broker_topics(OPENLINEAGE_EVENTS) == (
        "openlineage-events",
        "openlineage-events.b",
        "openlineage-events.a.2",
    )
    assert kafka.broker_topics(OTEL_SPANS) == ("otel-spans", "otel-spans.a")
    assert kafka.broker_topics(OTEL_LOGS) == ("otel-logs",)


def test_a_renamed_topic_gives_its_new_name_to_those_below_it() -> None:
    names = {"otel-spans": "telemetry", "otel-metrics": "telemetry.metrics"}
    bound = {"telemetry.a": "team-a", "telemetry.metrics.a": "team-a"}
    kafka = KafkaSettings(topic_names=names, bound_topics=bound)
    assert kafka.broker_topics(OTEL_SPANS) == ("telemetry", "telemetry.a")
    assert kafka.broker_topics(OTEL_METRICS) == ("telemetry.metrics", "telemetry.metrics.a")


@pytest.mark.parametrize(
    ("name", "namespace", "fault"),
    [
        ("lineage.team-a", "team-a", "'lineage.team-a' does not say what it holds"),
        ("openlineage-events-team-a", "team-a", "does not say what it holds"),
        ("lineagehub-control.team-a", "team-a", "does not say what it holds"),
        ("openlineage-events", "team-a", "is the hub's own topic"),
        ("openlineage-events.", "team-a", "is no name of a Kafka topic"),
        ("openlineage-events.team a", "team-a", "is no name of a Kafka topic"),
        ("openlineage-events." + "a" * 231, "team-a", "is no name of a Kafka topic"),
        ("openlineage-events.team-a", "Team A", "'Team A', which is no namespace: 3 to 63 of a-z"),
        ("openlineage-events.team-a", "", "which is no namespace"),
        ("openlineage-events.team-a", "_operator", "which is no namespace"),
    ],
)
def test_a_binding_that_cannot_be_is_named_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, namespace: str, fault: str
) -> None:
    said = fault_of(monkeypatch, json.dumps({"otel-spans.fine": "team-a", name: namespace}))
    assert said.startswith(f"{VARIABLE} is wrong: ")
    assert repr(name) in said
    assert fault in said


def test_the_name_of_a_bound_topic_may_be_as_long_as_kafka_lets_it_be() -> None:
    name = "openlineage-events." + "a" * 230
    assert KafkaSettings(bound_topics={name: "team-a"}).broker_topics(OPENLINEAGE_EVENTS)[1:] == (name,)


def test_another_topics_name_is_not_to_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_KAFKA_TOPIC_NAMES", '{"lineagehub-control": "otel-spans.control"}')
    assert "is the hub's own topic" in fault_of(monkeypatch, '{"otel-spans.control": "team-a"}')


@pytest.mark.parametrize("variable", [VARIABLE, "LINEAGEHUB_KAFKA_TOPIC_NAMES"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("openlineage-events.team-a", "is no JSON: Expecting value"),
        ('{"openlineage-events.team-a"', "is no JSON: Expecting ':'"),
        ('["openlineage-events.team-a"]', "is wrong: Input should be a valid dictionary"),
        ('{"openlineage-events.team-a": 7}', "is wrong: Input should be a valid string"),
    ],
)
def test_what_is_no_json_object_of_texts_is_said_to_be_none(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, fault: str
) -> None:
    assert fault_of(monkeypatch, value, variable).startswith(f"{variable} {fault}")
