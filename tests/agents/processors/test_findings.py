"""Records of which their writer says what it found: the hub is believed, because it has looked; anybody else's are looked into."""

from __future__ import annotations

import pytest
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record, Rejected
from lineagehub_agents.processors.lineage import LineageProcessor
from lineagehub_agents.processors.telemetry import traces_processor
from lineagehub_agents.processors.verification import Verifier
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineagehub.contract.headers import FLAT, SOUND, ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub.settings import KafkaSettings
from tests.support.signing import Tenancy, Writer

TOPIC = "otel-spans"
LINEAGE_TOPIC = "openlineage-events"
NOW_MS = 1_760_000_000_000
TENANCY = Tenancy()
TENANT = TENANCY.tenant()[0]
VERIFIER = Verifier(TENANCY.directory, KafkaSettings())


def check(writer: Writer, value: bytes, kind: str) -> CheckedRecord:
    return traces_processor(VERIFIER).check(_record(writer, TOPIC, value, kind))


def check_lineage(writer: Writer, value: bytes, kind: str) -> CheckedRecord:
    return LineageProcessor(VERIFIER).check(_record(writer, LINEAGE_TOPIC, value, kind))


def _record(writer: Writer, topic: str, value: bytes, kind: str) -> Record:
    headers = writer.headers(topic, value, kind, "event-1", NOW_MS)
    return Record(Partition(topic, 0), 7, NOW_MS, None, value, tuple(headers))


def request(spans: int, tree: bool) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(spans):
        attribute = scope.spans.add(name=f"span {number}").attributes.add(key="value")
        if tree:
            attribute.value.array_value.values.add().int_value = 7
        else:
            attribute.value.int_value = 7
    return message.SerializeToString()


def test_a_flat_record_of_the_hub_goes_on_as_it_is_with_its_rows_counted() -> None:
    value = request(3, tree=False)
    checked = check(TENANCY.hub, value, ContentKind.TRACES + FLAT)
    assert (checked.value, checked.rows, checked.rendered_values) == (value, 3, 0)


@pytest.mark.parametrize("claim", ["", FLAT])
def test_a_tenants_record_is_looked_into_whatever_it_claims(claim: str) -> None:
    checked = check(TENANT, request(2, tree=True), ContentKind.TRACES + claim)
    assert (checked.rows, checked.rendered_values) == (2, 2)
    assert b"[7]" in checked.value
    with pytest.raises(Rejected) as caught:
        check(TENANT, b"\xff\xff", ContentKind.TRACES + claim)
    assert caught.value.reason is Reason.INVALID_PROTOBUF


@pytest.mark.parametrize("tree", [False, True], ids=["flat", "tree"])
def test_an_unsigned_record_of_a_bound_topic_is_looked_into(tree: bool) -> None:
    processor = traces_processor(Verifier(TENANCY.directory, KafkaSettings(bound_topics={f"{TOPIC}.fin": "finance"})))

    def check_unsigned(value: bytes) -> CheckedRecord:
        return processor.check(Record(Partition(f"{TOPIC}.fin", 0), 7, NOW_MS, None, value, ()))

    value = request(2, tree)
    checked = check_unsigned(value)
    assert (checked.envelope.namespace, checked.rows, checked.rendered_values) == ("finance", 2, 2 * tree)
    assert (checked.value == value) is not tree
    with pytest.raises(Rejected) as caught:
        check_unsigned(b"\xff\xff")
    assert (caught.value.reason, caught.value.namespace) == (Reason.INVALID_PROTOBUF, "finance")


def test_a_record_of_the_hub_that_is_not_called_flat_is_looked_into() -> None:
    assert check(TENANCY.hub, request(1, tree=True), ContentKind.TRACES).rendered_values == 1


def test_a_flat_record_of_another_kind_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        check(TENANCY.hub, request(1, tree=False), ContentKind.LOGS + FLAT)
    assert caught.value.reason is Reason.BAD_ENVELOPE


def test_a_sound_event_of_the_hub_goes_on_unread() -> None:
    value = b"the hub has read it"
    checked = check_lineage(TENANCY.hub, value, ContentKind.OPENLINEAGE + SOUND)
    assert (checked.value, checked.quarantined_facets) == (value, ())


@pytest.mark.parametrize("claim", ["", SOUND])
def test_a_tenants_event_is_validated_whatever_it_claims(claim: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_lineage(TENANT, b"the tenant says that it has read it", ContentKind.OPENLINEAGE + claim)
    assert caught.value.reason is Reason.INVALID_JSON


def test_an_event_of_the_hub_that_is_not_called_sound_has_its_facets_looked_at() -> None:
    value = b'{"run": {"runId": "1", "facets": {"nominalTime": "noon"}}, "job": {"namespace": "a", "name": "b"}}'
    checked = check_lineage(TENANCY.hub, value, ContentKind.OPENLINEAGE)
    assert checked.quarantined_facets == ("/run/facets/nominalTime",)
