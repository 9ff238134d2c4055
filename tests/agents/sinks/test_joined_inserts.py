"""JoinedInserts: callers that come together share an insert, and each learns what became of its own rows."""

from __future__ import annotations

import asyncio

import pytest
from lineagehub_agents.sinks.lineage.joined_inserts import MAXIMUM_BYTES, JoinedInserts

from lineagehub.contract.reasons import Reason
from lineagehub.errors import Permanent, Unavailable


class Store:
    """Takes rows of one letter each; refuses an `x` and whatever comes with it, and is away for a `?`."""

    def __init__(self) -> None:
        self.inserts: list[bytes] = []

    async def insert(self, rows: bytes) -> None:
        await asyncio.sleep(0)
        if b"x" in rows:
            raise Permanent(Reason.STORE_REJECTED, "x")
        if b"?" in rows:
            raise Unavailable("clickhouse", "away")
        self.inserts.append(rows)


async def test_callers_that_come_together_share_one_insert_in_the_order_in_which_they_came() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    await asyncio.gather(*(joined.insert(rows) for rows in (b"a", b"b", b"c")))
    assert store.inserts == [b"abc"]


async def test_one_that_comes_during_an_insert_goes_with_the_next() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    await joined.insert(b"a")
    await joined.insert(b"b")
    assert store.inserts == [b"a", b"b"]


async def test_a_refusal_is_told_to_whom_it_concerns_and_the_others_are_inserted() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    outcomes = await asyncio.gather(*(joined.insert(rows) for rows in (b"a", b"x", b"c")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Permanent, type(None)]
    assert store.inserts == [b"a", b"c"]


async def test_an_absent_store_is_told_to_all_and_the_next_try_is_a_new_insert() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    outcomes = await asyncio.gather(*(joined.insert(rows) for rows in (b"a", b"?")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    await joined.insert(b"a")
    assert store.inserts == [b"a"]


async def test_no_insert_grows_above_its_limit_unless_one_caller_alone_has_more() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    large = b"a" * (MAXIMUM_BYTES + 1)
    await asyncio.gather(*(joined.insert(rows) for rows in (b"b", large, b"c", b"d")))
    assert store.inserts == [b"b", large, b"cd"]


async def test_a_caller_that_is_cancelled_harms_nobody() -> None:
    store = Store()
    joined = JoinedInserts(store.insert)
    cancelled = asyncio.create_task(joined.insert(b"a"))
    other = asyncio.create_task(joined.insert(b"b"))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await other
    assert store.inserts == [b"ab"]
