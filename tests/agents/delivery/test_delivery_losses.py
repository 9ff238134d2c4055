"""Records that were handed on and never arrived are noticed, and only those."""

from __future__ import annotations

from lineagehub_agents.delivery.losses import OVERDUE_SECONDS, LossWatch
from lineagehub_agents.delivery.records import Partition

ONE, OTHER = Partition("otel-spans", 0), Partition("otel-spans", 1)


def test_what_has_arrived_is_not_lost() -> None:
    watch = LossWatch()
    for now in (0.0, 2 * OVERDUE_SECONDS):
        assert watch.overdue({ONE: 10}, {ONE: 10}, now) == {}


def test_what_is_on_its_way_is_lost_only_when_nothing_arrives_for_long() -> None:
    watch = LossWatch()
    assert watch.overdue({ONE: 10, OTHER: 3}, {ONE: 4, OTHER: 3}, 0.0) == {}
    assert watch.overdue({ONE: 12, OTHER: 3}, {ONE: 4, OTHER: 3}, OVERDUE_SECONDS - 1) == {}
    assert watch.overdue({ONE: 12, OTHER: 3}, {ONE: 4, OTHER: 3}, OVERDUE_SECONDS) == {ONE: 4}


def test_progress_begins_the_wait_anew() -> None:
    watch = LossWatch()
    watch.overdue({ONE: 10}, {ONE: 4}, 0.0)
    assert watch.overdue({ONE: 10}, {ONE: 5}, OVERDUE_SECONDS) == {}
    assert watch.overdue({ONE: 10}, {ONE: 5}, 2 * OVERDUE_SECONDS) == {ONE: 5}


def test_a_loss_is_told_once_and_again_only_after_another_wait() -> None:
    watch = LossWatch()
    watch.overdue({ONE: 10}, {ONE: 4}, 0.0)
    assert watch.overdue({ONE: 10}, {ONE: 4}, OVERDUE_SECONDS) == {ONE: 4}
    assert watch.overdue({ONE: 10}, {ONE: 4}, OVERDUE_SECONDS + 1) == {}
    assert watch.overdue({ONE: 10}, {ONE: 4}, 2 * OVERDUE_SECONDS + 1) == {ONE: 4}


def test_a_partition_whose_place_is_not_known_is_not_judged() -> None:
    watch = LossWatch()
    for now in (0.0, OVERDUE_SECONDS):
        assert watch.overdue({OTHER: 10}, {}, now) == {}
