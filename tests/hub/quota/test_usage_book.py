"""The usage book: totals are kept packed, and come out as they went in."""

from __future__ import annotations

import random

import pytest

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import CountedTo, Counts, UsageTotal, Verdict, encode
from lineagehub.quota.usage_book import UsageBook

DAYS = ("2026-01-30", "2026-01-31")
LARGEST = 2**62


def any_total(chance: random.Random) -> UsageTotal:
    """Return a total that has nothing in common with others but perhaps its key."""
    amounts = [chance.choice((0, 1, 127, chance.randrange(LARGEST))) for _ in Counts.__struct_fields__]
    places = chance.sample([f"{topic}:{number}" for topic in ("otel-spans", "otel-spans.a") for number in range(9)], 5)
    counted = {place: CountedTo(chance.randrange(LARGEST), chance.randrange(LARGEST)) for place in places}
    return UsageTotal(
        f"team-{chance.randrange(20)}",
        chance.choice(DAYS),
        chance.choice(list(Signal)),
        Counts(*amounts),
        counted,
        chance.randrange(LARGEST),
        chance.randrange(LARGEST),
        chance.choice(list(Verdict)),
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_total_comes_out_as_it_went_in(seed: int) -> None:
    chance = random.Random(seed)
    book, largest = UsageBook(), dict[bytes, UsageTotal]()
    for _ in range(1_000):
        total = any_total(chance)
        held = largest.get(total.key)
        is_in_force = held is None or held.counts.extent <= total.counts.extent
        assert book.apply(total.key, encode(total)) is is_in_force
        if is_in_force:
            largest[total.key] = total
        of_day = [one for one in largest.values() if (one.namespace, one.day) == (total.namespace, total.day)]
        assert book.used(total.namespace, total.day) == sum(one.counts.charged for one in of_day)
    assert {key: book.total(key) for key in largest} == largest
    assert sorted(key for day in book.days for key in book.keys_of(day)) == sorted(largest)
    for day in DAYS:
        of_day = [total for total in largest.values() if total.day == day]
        assert set(book.namespaces_of(day)) == {total.namespace for total in of_day}
        for namespace in book.namespaces_of(day):
            of_namespace = {total.signal: total for total in of_day if total.namespace == namespace}
            assert book.of_day(namespace, day) == of_namespace
            assert book.used(namespace, day) == sum(total.counts.charged for total in of_namespace.values())


def test_what_is_deleted_is_gone_and_a_key_that_is_none_changes_nothing() -> None:
    book, total = UsageBook(), any_total(random.Random(1))
    book.put(total)
    for key in (b"\xff", b"no key", b"a|b|c", b"team-0|2026-01-31|no signal"):
        assert book.apply(key, None)
    assert book.total(total.key) == total
    assert book.apply(total.key, None)
    assert (book.total(total.key), book.days) == (None, [])
