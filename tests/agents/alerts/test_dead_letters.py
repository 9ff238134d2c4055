"""When dead letters are a burst: many in five minutes, and many more than the hour before had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lineagehub_agents.alerts.dead_letters import DeadLetterWatch

from lineagehub.contract.namespaces import OPERATOR_LANE

NOW = datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)
MINIMUM = 20


def watch_of(*counts: tuple[int, int], namespace: str = "analytics", reason: str = "schema_invalid") -> DeadLetterWatch:
    """Return a watch with so many dead letters so many minutes ago."""
    watch = DeadLetterWatch(MINIMUM)
    for minutes, count in counts:
        for _ in range(count):
            watch.note(namespace, reason, NOW - timedelta(minutes=minutes))
    return watch


def test_a_burst_is_so_many_of_one_reason_in_five_minutes() -> None:
    assert list(watch_of((0, 19)).due(NOW)) == []
    (alert,) = watch_of((0, 10), (4, 10)).due(NOW)
    assert (alert.namespace, alert.level, alert.figures["recent"]) == ("analytics", "schema_invalid", 20)
    assert list(watch_of((0, 10), (5, 10)).due(NOW)) == []


def test_reasons_and_namespaces_are_counted_apart() -> None:
    watch = DeadLetterWatch(MINIMUM)
    for namespace in ("analytics", "finance"):
        for reason in ("schema_invalid", "too_large"):
            for _ in range(MINIMUM - 1):
                watch.note(namespace, reason, NOW)
    assert list(watch.due(NOW)) == []


def test_what_the_hour_before_had_as_well_is_no_burst() -> None:
    steady = [(minute, 4) for minute in range(65)]
    assert list(watch_of(*steady).due(NOW)) == []
    (alert,) = watch_of(*steady, (0, 50)).due(NOW)
    assert (alert.figures["recent"], alert.figures["hour_before"]) == (70, 240)


def test_a_burst_ends_and_is_forgotten_after_the_hour() -> None:
    watch = watch_of((0, 100))
    assert list(watch.due(NOW + timedelta(minutes=6))) == []
    assert list(watch.due(NOW + timedelta(minutes=70))) == []
    assert watch._counts == {}


def test_what_nobody_is_proved_to_have_written_is_the_operators() -> None:
    (alert,) = watch_of((0, 20), namespace=OPERATOR_LANE, reason="unsigned").due(NOW)
    assert alert.namespace is None


def test_what_is_no_namespace_or_reason_of_ours_is_passed_over() -> None:
    for namespace, reason in (("<!channel>", "unsigned"), ("analytics", "<!channel>"), ("analytics", "")):
        assert list(watch_of((0, 50), namespace=namespace, reason=reason).due(NOW)) == []
