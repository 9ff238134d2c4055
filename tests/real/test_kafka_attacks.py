"""Every attack by Kafka of bad-input section H that the broker lets pass, by a tenant with all its rights, on Apache Kafka with ACLs.

Each becomes a dead letter with the stated reason, in the operator's lane unless the attacker proved that it wrote it. After all of
them honest records still flow, and nothing is lost or doubled. What the broker refuses is test_kafka_refusals.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.auth.issuing import changed_key
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ApiKeyRecord
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.keys import api_key_key
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import CONTROL
from tests.support.attacks import (
    ARRIVE_SECONDS,
    EVENTS,
    MEBIBYTE,
    SPANS,
    Headers,
    assert_flows,
    event,
    now_ms,
    producer,
    signed,
    stored,
    wait_stored_once,
)
from tests.support.records import Place, read_dead_letters, read_records, write_with_header_name
from tests.support.secured_hub import ATTACKER, HONEST, SecuredHub
from tests.support.signing import Writer
from tests.support.waiting import wait_until, wait_until_async

HOUR_MS = 3_600_000
VALUE = event("never-stored")


@dataclass(frozen=True, slots=True)
class Attack:
    """One record that the broker takes, and what becomes of it."""

    headers: Callable[[SecuredHub], Headers]
    reason: Reason
    value: bytes | None = VALUE
    key: bytes | None = None
    topic: str = EVENTS
    lane: str = OPERATOR_LANE


def _own(**changes: bytes) -> Callable[[SecuredHub], Headers]:
    """Return what makes the attacker's own signed headers, with some replaced; a name is written without `lh-`."""
    return lambda hub: [
        (name, changes.get(name.removeprefix("lh-"), value)) for name, value in signed(hub.attacker.writer, VALUE)
    ]


def _of_value(value: bytes) -> Callable[[SecuredHub], Headers]:
    return lambda hub: signed(hub.attacker.writer, value)


NO_EVENT = b'{"eventType": "COMPLETE"}'
ATTACKS: dict[str, Attack] = {
    "H01 unsigned": Attack(lambda _: [], Reason.UNSIGNED),
    "H01 headers of others": Attack(lambda _: [("traceparent", b"00-1-1-01")], Reason.UNSIGNED),
    "H02 another body": Attack(_of_value(b"{}"), Reason.BAD_SIGNATURE),
    "H02 another topic": Attack(lambda hub: signed(hub.attacker.writer, VALUE, topic=SPANS), Reason.BAD_SIGNATURE),
    "H02 another event id": Attack(_own(id=b"0" * 32), Reason.BAD_SIGNATURE),
    "H02 the hub's key id": Attack(lambda hub: signed(hub.forger_of_the_hub(), VALUE), Reason.BAD_SIGNATURE),
    "H02 an honest key id": Attack(
        lambda hub: signed(Writer(HONEST, hub.honest.writer.key_id, hub.attacker.writer.sign), VALUE),
        Reason.BAD_SIGNATURE,
    ),
    "H03 an unknown key": Attack(_own(kid=b"Unknown0"), Reason.UNKNOWN_KEY),
    "H03 another's name written over": Attack(_own(ns=HONEST.encode()), Reason.NAMESPACE_MISMATCH),
    "H03 another's name signed": Attack(
        lambda hub: signed(hub.attacker.writer, VALUE, namespace=HONEST), Reason.NAMESPACE_MISMATCH
    ),
    "H04 signed 25 hours ago": Attack(
        lambda hub: signed(hub.attacker.writer, VALUE, age_ms=25 * HOUR_MS), Reason.CLOCK_SKEW
    ),
    "H04 signed in 11 minutes": Attack(
        lambda hub: signed(hub.attacker.writer, VALUE, age_ms=-11 * 60_000), Reason.CLOCK_SKEW
    ),
    "H05 a tombstone": Attack(lambda _: [], Reason.NULL_VALUE, value=None, key=b"job:attacks/x"),
    "H05 a signed tombstone": Attack(_of_value(b""), Reason.NULL_VALUE, value=None, key=b"k"),
    "H06 100,000 headers": Attack(lambda hub: [("x", b"")] * 100_000 + _own()(hub), Reason.BAD_ENVELOPE),
    "H06 another lh-ns behind": Attack(lambda hub: [*_own()(hub), ("lh-ns", HONEST.encode())], Reason.BAD_ENVELOPE),
    "H06 another lh-ns before": Attack(lambda hub: [("lh-ns", HONEST.encode()), *_own()(hub)], Reason.BAD_ENVELOPE),
    "H06 a line break": Attack(_own(ns=b"attacker\r\nlh-ns: honest-team"), Reason.BAD_ENVELOPE),
    "H06 a null header": Attack(
        lambda hub: [(name, None if name == "lh-ns" else value) for name, value in _own()(hub)],
        Reason.BAD_ENVELOPE,
    ),
    "H06 an event id of 1 MB": Attack(_own(id=b"1" * 1_000_000), Reason.BAD_ENVELOPE),
    "H07 a key that is no text": Attack(lambda _: [], Reason.UNSIGNED, key=b"\xff\xfe\x00"),
    "H07 a key of 1 MB": Attack(lambda _: [], Reason.UNSIGNED, key=b"k" * 1_000_000),
    "H10 as large as the topic takes": Attack(lambda _: [], Reason.UNSIGNED, value=b" " * (9 * MEBIBYTE - 200)),
    "H11 no JSON": Attack(_of_value(b"{"), Reason.INVALID_JSON, value=b"{", lane=ATTACKER),
    "H11 no event": Attack(_of_value(NO_EVENT), Reason.SCHEMA_INVALID, value=NO_EVENT, lane=ATTACKER),
    "H11 another kind": Attack(
        lambda hub: hub.attacker.writer.headers(EVENTS, VALUE, ContentKind.TRACES, "e", now_ms()),
        Reason.BAD_ENVELOPE,
        lane=ATTACKER,
    ),
    "H12 version 9": Attack(_own(v=b"9"), Reason.UNSUPPORTED_VERSION),
    "telemetry, unsigned": Attack(lambda _: [], Reason.UNSIGNED, topic=SPANS),
    "telemetry, a tombstone": Attack(lambda _: [], Reason.NULL_VALUE, value=None, key=b"k", topic=SPANS),
}


async def _written(hub: SecuredHub, attacks: list[Attack]) -> dict[Place, Attack]:
    """Write attacks as the attacker; return each by the place that its dead letter names."""
    places = {}
    async with producer(hub.attacker.settings) as writing:
        for attack in attacks:
            headers = attack.headers(hub)
            placed = await writing.send_and_wait(attack.topic, attack.value, attack.key, headers=headers)
            places[placed.topic, placed.partition, placed.offset] = attack
    return places


async def _dead_letters(hub: SecuredHub, count: int) -> dict[Place, tuple[str, str]]:
    return await read_dead_letters(hub.kafka.settings(), count, ARRIVE_SECONDS)


async def test_what_the_broker_takes_is_dead_lettered_with_its_reason_and_nothing_else_is_touched(
    secured: SecuredHub,
) -> None:
    earlier = await _dead_letters(secured, 0)
    await assert_flows(secured, "before")
    attacks = list(ATTACKS.values())
    places = await _written(secured, attacks)
    await write_with_header_name(secured.attacker.settings, EVENTS, VALUE, b"\xff\xfe")
    # Honest records behind the attacks, on every partition, and by the web.
    async with producer(secured.honest.settings) as writing:
        for number in range(4):
            value = event(f"behind-{number}")
            await writing.send_and_wait(EVENTS, value, headers=signed(secured.honest.writer, value), partition=number)
    answer = secured.hub.request(
        "POST", "/api/v1/lineage", event("by-web"), {"Content-Type": "application/json"}, secured.honest.api_key
    )
    assert answer.status == 201
    wait_stored_once(secured, "before", *(f"behind-{number}" for number in range(4)), "by-web")

    found = await _dead_letters(secured, len(earlier) + len(attacks) + 1)
    names = {id(attack): name for name, attack in ATTACKS.items()}
    expected = {names[id(attack)]: (attack.lane, attack.reason.value) for attack in places.values()}
    seen = {names[id(attack)]: found.get(place, ("none", "none")) for place, attack in places.items()}
    assert seen == expected
    (unreadable_name,) = (found[place] for place in found.keys() - places.keys() - earlier.keys())
    assert unreadable_name == (OPERATOR_LANE, "unsigned")
    assert stored(secured, "never-stored") == 0


async def test_a_key_of_the_record_decides_nothing(secured: SecuredHub) -> None:
    """H07, signed: the key is not part of what is signed, so whatever it is, it costs nobody anything."""
    async with producer(secured.attacker.settings) as writing:
        for number, key in enumerate((b"\xff\xfe\x00", b"k" * 1_000_000, b"run:honest/job")):
            value = event(f"keyed-{number}")
            await writing.send_and_wait(EVENTS, value, key, headers=signed(secured.attacker.writer, value))
    for number in range(3):
        job = f"keyed-{number}"
        wait_stored_once(secured, job)
        where = "SELECT DISTINCT Namespace FROM lineage_events WHERE JobName = {job:String}"
        assert secured.hub.rows(where, job=job) == [{"Namespace": ATTACKER}]


async def test_a_captured_record_that_is_replayed_is_shown_once(secured: SecuredHub) -> None:
    value = event("replayed")
    headers = signed(secured.honest.writer, value)
    async with producer(secured.honest.settings) as honest, producer(secured.attacker.settings) as attacker:
        await honest.send_and_wait(EVENTS, value, headers=headers)
        wait_until(lambda: stored(secured, "replayed") >= 1, ARRIVE_SECONDS, "the record to be stored")
        for _ in range(3):
            await attacker.send_and_wait(EVENTS, value, headers=headers)
        elsewhere = await attacker.send_and_wait(SPANS, value, headers=headers)
    await assert_flows(secured, "behind-replays")
    shown = "SELECT count() FROM lineage_events FINAL WHERE JobName = 'replayed'"
    assert secured.hub.count(shown) == 1
    place = (SPANS, elsewhere.partition, elsewhere.offset)

    async def refused() -> bool:
        return (await _dead_letters(secured, 0)).get(place) == (OPERATOR_LANE, "bad_signature")

    await wait_until_async(refused, ARRIVE_SECONDS, "its replay to another topic to be refused")


async def test_a_revoked_key_is_refused_from_its_revocation_on(secured: SecuredHub) -> None:
    hub_kafka = secured.kafka.settings()
    api_key = secured.new_key(ATTACKER)
    key = parse_api_key(api_key)
    assert key is not None
    records = await read_records(hub_kafka, CONTROL.name, 1)
    value = next(record.value for record in reversed(records) if record.key == api_key_key(key.kid))
    held = ApiKeyRecord.model_validate_json(value)
    revoked = changed_key(held, revoked_at=datetime.now(UTC))
    async with Producer(hub_kafka) as writing:
        await ControlWriter(writing, CONTROL.name).put(revoked)
    # One process after the other hears of it.
    search = "/api/v1/search?q=x"
    wait_until(
        lambda: secured.hub.request("GET", search, key=api_key).status == 401, ARRIVE_SECONDS, "the web to hear of it"
    )
    attack = Attack(lambda _: signed(Writer.of_key(ATTACKER, key), VALUE), Reason.KEY_REVOKED)
    places = await _written(secured, [attack])

    async def refused() -> bool:
        found = await _dead_letters(secured, 0)
        return all(found.get(place) == (OPERATOR_LANE, "key_revoked") for place in places)

    await wait_until_async(refused, ARRIVE_SECONDS, "its record to be refused")
