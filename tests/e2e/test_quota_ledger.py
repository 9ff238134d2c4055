"""The daily quota by an id-level ledger: 10,000 a day at 500 events/s, over HTTP and straight to Kafka, agents killed, midnight crossed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from lineagehub.contract.usage import DAY_MS, Counts, day_of
from lineagehub.settings import KafkaSettings
from tests.support.clock import Clock
from tests.support.hub import Hub
from tests.support.limits import UNLIMITED
from tests.support.quota_ledger import (
    expected_counts,
    read_dead,
    read_diverted,
    read_taken,
    reported_counts,
    stored_days,
    stored_spans,
)
from tests.support.quota_traffic import EVENTS_PER_SECOND, Traffic
from tests.support.waiting import wait_until

LIMIT = 10_000
OVERSHOOT = max(LIMIT // 1000, 2 * EVENTS_PER_SECOND)
"""What quotas.md promises: 0.1 % of the limit or 2 s of traffic, whichever is larger."""
UNUSED = 100
"""So much of the limit may be left while requests of 15 events are refused, which go whole."""
KILLS_AT = {1_500: "lineage-store", 4_000: "quota", 7_000: "telemetry-store", 9_000: "lineage-store"}
"""Events sent, and who is killed then. The fifth is the quota agent, in the second of midnight."""
MIDNIGHT_IN_SECONDS = 8
NEXT_DAY_EVENTS = 4_000
DEADLINE_SECONDS = 240


@pytest.mark.slow
def test_a_quota_holds_and_every_event_is_charged_once_whoever_is_killed_and_over_midnight(
    clocked_hub: tuple[Hub, Clock], record_testsuite_property: Callable[[str, object], None]
) -> None:
    hub, clock = clocked_hub
    hub.set_limits(UNLIMITED.model_copy(update={"events_per_day": LIMIT}))
    # Noon or so: the day does not end by itself.
    clock.set_before_midnight(DAY_MS / 2000)
    traffic = Traffic(hub, clock)
    kafka = KafkaSettings(brokers=hub.ready["kafka"], idempotent=False)
    with traffic.running():
        for events, agent in KILLS_AT.items():
            _wait_sent(traffic, events)
            _kill(hub, agent)
        today = day_of(clock.now_ms())
        _wait(lambda: len(traffic.sent.refused) > 100, "requests to be over quota")
        _wait(lambda: _of_day(hub, today).over_quota > 100, "records to be diverted")
        with traffic.paused():
            # All clocks at once, and nothing on its way.
            midnight_ms = clock.set_before_midnight(MIDNIGHT_IN_SECONDS)
        _wait(lambda: clock.now_ms() >= midnight_ms, "midnight")
        _kill(hub, "quota")
        _wait_sent(traffic, traffic.sent.events + NEXT_DAY_EVENTS)

    sent = traffic.sent
    first, second = day_of(midnight_ms - 1), day_of(midnight_ms)
    at_least = dict(sent.accepted_records)
    for topic, _, _ in sent.places:
        at_least[topic] += 1
    taken = read_taken(kafka, at_least)
    received = sum(record.events for record in taken)
    _wait(lambda: _total(hub, first, second).received >= received, f"{received} events to be counted")
    reported = reported_counts(hub, (first, second))
    total = sum(reported.values(), Counts())
    dead = read_dead(kafka, total.dead_lettered)
    diverted = read_diverted(kafka, 1)
    expected, stored = expected_counts(taken, dead, diverted)

    by_place = {record.place: record for record in taken}
    assert {place: by_place[place].ids for place in sent.places} == {p: tuple(ids) for p, ids in sent.places.items()}
    assert dead == {record.place for record in taken if not record.ids}, "garbage, and nothing else, is dead"
    assert all(by_place[place].events == events for place, events in diverted.items())
    assert set(diverted) <= set(sent.places), "what the web let in is never diverted"
    assert sent.accepted <= set(stored), "what was answered 200 is stored"
    assert not (sent.refused - sent.accepted) & set(stored), "what was answered 429 is not"

    spans = stored_spans(hub)
    lineage = dict(stored_days(hub))
    assert len(spans) == len(set(spans)), "a span is stored twice"
    assert sorted([*spans, *lineage]) == sorted(stored), "stored are exactly those that must be"
    assert lineage == {id_: day for id_, day in stored.items() if id_ in lineage}, "on the day of their first copy"
    assert reported == expected, "per day and signal, each event once"

    used = {day: _of_day(hub, day).charged for day in (first, second)}
    over = used[first] - LIMIT
    record_testsuite_property("quota_overshoot_events", over)
    print(f"of {LIMIT} a day, {used} used, {over} over; {total}; {len(sent.refused_requests_at_ms)} requests refused")
    assert -UNUSED <= over <= OVERSHOOT
    assert used[second] > 0
    assert not _of_day(hub, second).over_quota, "the next day begins at zero"
    assert all(moment_ms < midnight_ms for moment_ms in sent.refused_requests_at_ms), "at once, at the door, too"
    assert sent.repeated_requests
    assert total.duplicate
    assert total.dead_lettered


def _wait(condition: Callable[[], object], what: str) -> None:
    wait_until(condition, DEADLINE_SECONDS, what)


def _wait_sent(traffic: Traffic, events: int) -> None:
    _wait(lambda: traffic.sent.events >= events, f"{events} events to be sent")


def _kill(hub: Hub, agent: str) -> None:
    _wait(lambda: hub.agent_pid(agent) is not None, f"{agent} to run")
    pid = hub.agent_pid(agent)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _total(hub: Hub, *days: str) -> Counts:
    return sum(reported_counts(hub, days).values(), Counts())


def _of_day(hub: Hub, day: str) -> Counts:
    return sum((one for (of, _), one in reported_counts(hub, (day, day)).items() if of == day), Counts())
