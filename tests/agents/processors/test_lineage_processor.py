"""Lineage records: what the web signed needs only be JSON, what a tenant signed is judged as the web would have judged it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Rejected
from lineagehub_agents.processors.lineage import MAXIMUM_EVENT_BYTES, LineageProcessor
from lineagehub_agents.processors.verification import Verifier

from lineagehub.contract.headers import ContentKind
from lineagehub.contract.lineage import content_id
from lineagehub.contract.reasons import Reason
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy, Writer

TOPIC = "openlineage-events"
NOW_MS = round(datetime.now(UTC).timestamp() * 1000)
EVENT: dict[str, Any] = {
    "eventTime": "2026-01-31T12:00:00.123Z",
    "eventType": "START",
    "producer": "https://example.com/pipelines/1.0",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01941f29-7c00-7087-8940-40e5d549bbd4"},
    "job": {"namespace": "analytics", "name": "nightly.orders"},
}
TENANCY = Tenancy()
TENANT = TENANCY.tenant()[0]


def check(writer: Writer, value: bytes) -> CheckedRecord:
    headers = writer.headers(TOPIC, value, ContentKind.OPENLINEAGE, "event-1", NOW_MS)
    record = Record(Partition(TOPIC, 0), 7, NOW_MS, None, value, tuple(headers))
    return LineageProcessor(Verifier(TENANCY.directory, KafkaSettings())).check(record)


def refusal(writer: Writer, value: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        check(writer, value)
    return caught.value


def event(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


@pytest.mark.parametrize("writer", [TENANT, TENANCY.hub], ids=["tenant", "hub"])
def test_a_valid_event_goes_on_byte_for_byte(writer: Writer) -> None:
    value = b" " + event() + b"\n"
    checked = check(writer, value)
    assert checked.value == value
    assert checked.envelope.namespace == "analytics"
    assert checked.retention_days == 30


NOT_JSON = {
    b"": Reason.INVALID_JSON,
    b"{": Reason.INVALID_JSON,
    b"{'a':1}": Reason.INVALID_JSON,
    b'{"a":1}{}': Reason.INVALID_JSON,
    b'{"a":NaN}': Reason.INVALID_JSON,
    b'{"a":1e999}': Reason.INVALID_JSON,
    b'\xef\xbb\xbf{"a":1}': Reason.INVALID_UNICODE,
    b'{"a":"\\ud800"}': Reason.INVALID_UNICODE,
    b'{"a":"\xff\xfe"}': Reason.INVALID_UNICODE,
    b'{"a":' * 100_000: Reason.TOO_DEEP,
    b"[]": Reason.SCHEMA_INVALID,
    b"null": Reason.SCHEMA_INVALID,
    b'"text"': Reason.SCHEMA_INVALID,
}


@pytest.mark.parametrize("writer", [TENANT, TENANCY.hub], ids=["tenant", "hub"])
@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: repr(value[:14]))
def test_what_is_no_json_object_is_refused_whoever_signed_it(writer: Writer, value: bytes) -> None:
    rejected = refusal(writer, value)
    assert (rejected.reason, rejected.namespace) == (NOT_JSON[value], "analytics")


@pytest.mark.parametrize(
    ("value", "reason", "pointer"),
    [
        (b"{}", Reason.SCHEMA_INVALID, "/ "),
        (event(run={}), Reason.SCHEMA_INVALID, "/run/runId "),
        (event(run={"runId": "not a uuid"}), Reason.SCHEMA_INVALID, "/run/runId "),
        (event(eventType="start"), Reason.SCHEMA_INVALID, "/eventType "),
        (event(inputs=[{"namespace": "a", "name": ""}]), Reason.SCHEMA_INVALID, "/inputs/0/name "),
        (event(job={"namespace": "a"}), Reason.SCHEMA_INVALID, "/job/name "),
        (event(eventTime="2026-02-30T00:00:00Z"), Reason.SCHEMA_INVALID, "/eventTime "),
        (event(eventTime="1969-12-31T00:00:00Z"), Reason.TIMESTAMP_OUT_OF_RANGE, "/eventTime "),
        (event(eventTime="2999-01-01T00:00:00Z"), Reason.TIMESTAMP_OUT_OF_RANGE, "/eventTime "),
    ],
)
def test_a_tenants_event_that_is_no_openlineage_is_refused_with_the_place_of_its_fault(
    value: bytes, reason: Reason, pointer: str
) -> None:
    rejected = refusal(TENANT, value)
    assert (rejected.reason, rejected.namespace) == (reason, "analytics")
    assert rejected.detail.startswith(pointer)


def test_several_faults_are_counted() -> None:
    assert "more faults" in refusal(TENANT, event(run={}, job={})).detail


def test_what_the_web_validated_is_not_validated_again() -> None:
    assert check(TENANCY.hub, b"{}").value == b"{}"


@pytest.mark.parametrize("writer", [TENANT, TENANCY.hub], ids=["tenant", "hub"])
def test_bad_facets_are_pointed_at_whoever_wrote_them_and_cost_no_event(writer: Writer) -> None:
    facets = {"sql": {"query": "SELECT 1"}, "a/b": 7}
    value = event(job={**EVENT["job"], "facets": facets})
    checked = check(writer, value)
    assert checked.value == value
    assert checked.quarantined_facets == ("/job/facets/sql", "/job/facets/a~1b")
    assert check(writer, event()).quarantined_facets == ()


def test_an_event_of_a_third_party_client_is_named_by_its_content() -> None:
    settings = KafkaSettings.model_validate({"trust": "open", "open_namespace": "analytics"})
    processor = LineageProcessor(Verifier(TENANCY.directory, settings))
    respelled = json.dumps(dict(reversed(EVENT.items())), indent=2).encode()
    other = event(eventType="COMPLETE")
    ids = [
        processor.check(Record(Partition(TOPIC, 0), offset, NOW_MS, None, value, ())).envelope.event_id
        for offset, value in enumerate((event(), respelled, other))
    ]
    assert ids == [content_id(EVENT), content_id(EVENT), content_id(json.loads(other))]
    assert ids[0] != ids[2]


BOUND = Verifier(TENANCY.directory, KafkaSettings(bound_topics={f"{TOPIC}.finance": "finance"}))


def unsigned(value: bytes) -> Record:
    return Record(Partition(f"{TOPIC}.finance", 0), 7, NOW_MS, None, value, ())


def test_an_event_on_a_bound_topic_is_its_namespaces_and_named_by_its_content() -> None:
    envelope = LineageProcessor(BOUND).check(unsigned(event())).envelope
    assert (envelope.namespace, envelope.event_id) == ("finance", content_id(EVENT))


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"no JSON", Reason.INVALID_JSON), (event(run={}), Reason.SCHEMA_INVALID), (b"[]", Reason.SCHEMA_INVALID)],
)
def test_a_bad_event_on_a_bound_topic_is_its_namespaces_dead_letter(value: bytes, reason: Reason) -> None:
    with pytest.raises(Rejected) as caught:
        LineageProcessor(BOUND).check(unsigned(value))
    assert (caught.value.reason, caught.value.namespace) == (reason, "finance")


def nested(levels: int) -> bytes:
    facet: dict[str, Any] = {}
    for _ in range(levels):
        facet = {"deeper": facet}
    return event(run={**EVENT["run"], "facets": {"deep": facet}})


def test_a_tenants_event_may_be_nested_as_deep_as_over_http() -> None:
    # The event, run, facets and the facet itself are four levels.
    assert check(TENANT, nested(60))
    assert refusal(TENANT, nested(61)).reason is Reason.TOO_DEEP
    assert refusal(TENANT, nested(900)).reason is Reason.TOO_DEEP


def test_a_tenants_event_may_be_as_large_as_over_http() -> None:
    padding = " " * (MAXIMUM_EVENT_BYTES - len(event()))
    assert check(TENANT, event() + padding.encode())
    assert refusal(TENANT, event() + padding.encode() + b" ").reason is Reason.TOO_LARGE


def test_a_tenants_event_with_a_key_of_two_values_is_refused() -> None:
    twice = event()[:-1] + b',"run":{"runId":"01941f29-7c00-7087-8940-40e5d549bbd5"}}'
    assert refusal(TENANT, twice).reason is Reason.INVALID_JSON


def test_a_tenants_event_with_a_key_twice_and_one_value_goes_on_byte_for_byte() -> None:
    member = b'"schemaURL":' + json.dumps(EVENT["schemaURL"]).encode()
    twice = event()[:-1] + b"," + member + b"}"
    assert check(TENANT, twice).value == twice


def test_a_record_of_another_kind_is_refused() -> None:
    headers = TENANT.headers(TOPIC, event(), ContentKind.TRACES, "event-1", NOW_MS)
    record = Record(Partition(TOPIC, 0), 7, NOW_MS, None, event(), tuple(headers))
    with pytest.raises(Rejected) as caught:
        LineageProcessor(Verifier(TENANCY.directory, KafkaSettings())).check(record)
    assert caught.value.reason is Reason.BAD_ENVELOPE
