"""The gate of direct Kafka: which records of a batch are over quota, and what batches beside it know of it."""

from __future__ import annotations

import dataclasses

from lineagehub_agents.delivery.checked_batch import LeftOut
from lineagehub_agents.delivery.records import CheckedRecord, Partition
from lineagehub_agents.delivery.usage import KafkaMetering, UsageTopics

from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import OVER_QUOTA
from lineagehub.quota.daily import DailyQuota, DayLimit
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import KafkaSettings
from tests.support.broker import start_embedded_broker
from tests.support.delivery import checked, record

LIMIT = DayLimit(10, 10)


def metering(is_known: bool = True) -> KafkaMetering:
    """Return a metering that has counted nothing yet; nothing is sent, so its producer is never started."""
    quota = DailyQuota(UsageBook(), lambda _: LIMIT, lambda: is_known)
    return KafkaMetering(Signal.TRACES, Producer(KafkaSettings()), UsageTopics("deltas", "over"), quota, "agent")


def direct(offset: int, rows: int = 1, namespace: str = "analytics") -> CheckedRecord:
    """Return a record that came straight to Kafka; the first day ends before the offset 7."""
    return dataclasses.replace(checked(record(Partition("events", 0), offset), namespace), rows=rows)


def signed_by_the_web(offset: int) -> CheckedRecord:
    """Return a record that the web has let in."""
    one = direct(offset)
    return dataclasses.replace(one, envelope=dataclasses.replace(one.envelope, key_id=HUB_KEY_ID))


def test_a_record_goes_whole_and_a_smaller_one_behind_it_may_still_fit() -> None:
    with metering().gate() as diverts:
        assert [diverts(direct(offset, rows)) for offset, rows in enumerate((6, 5, 4, 1))] == [False, True, False, True]


def test_each_namespace_and_day_has_its_own_limit() -> None:
    with metering().gate() as diverts:
        assert [diverts(direct(0, 10)), diverts(direct(1)), diverts(direct(2, 10, "finance"))] == [False, True, False]
        assert not diverts(direct(7, 10)), "after midnight, by the broker's time"


def test_what_the_web_let_in_is_never_diverted() -> None:
    with metering().gate() as diverts:
        assert not diverts(direct(0, 10))
        assert not diverts(signed_by_the_web(1))


def test_batches_of_several_partitions_at_once_share_what_is_left() -> None:
    counting = metering()
    with counting.gate() as first, counting.gate() as second:
        assert not first(direct(0, 8))
        assert [second(direct(1, 3)), second(direct(2, 2))] == [True, False]
    with counting.gate() as later:
        assert not later(direct(3, 10)), "both batches were lost to other workers, which count them"


def test_while_nobody_knows_what_is_used_nothing_is_diverted() -> None:
    with metering(is_known=False).gate() as diverts:
        assert not diverts(direct(0, 1_000))


def test_a_batch_delivered_again_is_judged_as_before_and_others_leave_room_for_it() -> None:
    counting = metering()
    with counting.gate(replayed=True) as again, counting.gate() as beside:
        assert [again(direct(offset, 4)) for offset in range(3)] == [False, False, False]
        assert beside(direct(3))


async def test_what_is_diverted_is_counted_for_prometheus() -> None:
    with start_embedded_broker() as broker:
        kafka = broker.settings()
        await apply_topics(kafka, [OVER_QUOTA])
        async with Producer(kafka) as producer:
            topics = UsageTopics("deltas", OVER_QUOTA.name)
            quota = DailyQuota(UsageBook(), lambda _: LIMIT, lambda: True)
            counting = KafkaMetering(Signal.TRACES, producer, topics, quota, "agent")
            await counting.divert(LeftOut(direct(0).record, "analytics", 7))
            await counting.divert(LeftOut(direct(1).record, "analytics", 3))
    assert counting.diverted_events == 10
