"""What a batch is counted as: each event of a proved writer once, by what became of it; what is sent again not a second time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lineagehub_agents.delivery.checked_batch import CheckedBatch, LeftOut
from lineagehub_agents.delivery.metering import deltas_of
from lineagehub_agents.delivery.ranges import BatchRange
from lineagehub_agents.delivery.records import CheckedRecord, Partition, Record

from lineagehub.contract.headers import ContentKind, attempt_of
from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import DAY_MS, Counts, NewEvents
from tests.support.delivery import checked

PLACE = Partition("openlineage-events", 3)
DAY = 20_000
VALUE = b"12345"


def record(offset: int) -> Record:
    """Return a record of 5 bytes."""
    return Record(PLACE, offset, DAY * DAY_MS + offset, None, VALUE, ())


def taken(offset: int, rows: int = 1, *, is_redriven: bool = False) -> CheckedRecord:
    """Return a record that a sink is given."""
    one = replace(checked(record(offset), "team-a"), rows=rows)
    kind = attempt_of(ContentKind.OPENLINEAGE, 2) if is_redriven else ContentKind.OPENLINEAGE.value
    return replace(one, envelope=replace(one.envelope, content_kind=kind))


BATCH = CheckedBatch(
    PLACE,
    BatchRange(0, 6, frozenset({5}), frozenset({6})),
    (taken(0, 3), taken(1), taken(2, 2), taken(3, 7, is_redriven=True), taken(4, 9, is_redriven=True)),
    DAY * DAY_MS,
    (LeftOut(record(5), "team-a"), LeftOut(record(6), "team-a", 11)),
)


@pytest.mark.parametrize(
    ("refused", "new", "expected"),
    [
        (set(), None, Counts(stored=6, dead_lettered=1, over_quota=11, bytes=20, redriven=16)),
        ({2, 4}, None, Counts(stored=4, dead_lettered=3, over_quota=11, bytes=20, redriven=7)),
        (
            {2, 4},
            {("team-a", DAY): NewEvents(events=1, bytes=5, redriven=3)},
            Counts(stored=1, duplicate=3, dead_lettered=3, over_quota=11, bytes=15, redriven=3),
        ),
        (set(), {}, Counts(duplicate=6, dead_lettered=1, over_quota=11, bytes=5)),
    ],
    ids=["all taken", "some refused", "some were there", "all were there"],
)
def test_a_batch(refused: set[int], new: dict[tuple[str, int], NewEvents] | None, expected: Counts) -> None:
    (delta,) = deltas_of(BATCH, Signal.LINEAGE, refused, new)
    assert delta.counts == expected
    assert delta.counts.received == 3 + 1 + 2 + 1 + 11, "what was sent again was received when it died"
    assert (delta.first, delta.last, delta.place, delta.day) == (0, 6, "openlineage-events:3", "2024-10-04")
