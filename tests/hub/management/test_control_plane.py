"""The control plane of one process on a real broker: it reads its own writes, and journals what is in force before it says so."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.keys import namespace_key
from lineagehub.contract.topics import CONTROL
from lineagehub.embedded.control_seed import issue_keys, replay
from lineagehub.errors import Unavailable
from lineagehub.management.control_journal import ControlJournal
from lineagehub.management.control_plane import ControlPlane, JournalAppend, open_control_plane
from lineagehub.settings import KafkaSettings
from tests.support.broker import EmbeddedBroker, start_embedded_broker
from tests.support.proxy import proxied_broker
from tests.support.signing import SECRET_KEY
from tests.support.waiting import wait_until_async

SEALER = Sealer(SECRET_KEY)
KEY = namespace_key("analytics")


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of this file's own."""
    with start_embedded_broker() as running:
        yield running


@pytest.fixture
async def kafka(broker: EmbeddedBroker) -> KafkaSettings:
    """Settings with a control topic of this test's own."""
    settings = broker.settings(topic_names={CONTROL.name: f"control-{uuid4().hex[:8]}"})
    await apply_topics(settings, [CONTROL])
    return settings


@contextlib.asynccontextmanager
async def opened(kafka: KafkaSettings, journal: JournalAppend | None = None) -> AsyncIterator[ControlPlane]:
    async with Producer(kafka) as producer, open_control_plane(kafka, SEALER, producer, journal) as control:
        yield control


def journalled(journal: ControlJournal) -> list[str]:
    """Return the descriptions of what the journal would replay."""
    return [NamespaceRecord.model_validate_json(value).description for _, value in journal.records()]


async def test_a_process_reads_its_own_write_and_the_one_that_was_late_hears_so(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    journal = ControlJournal(tmp_path / "control.journal")
    base = new_namespace("analytics", description="base")
    async with opened(kafka, journal.append) as first, opened(kafka, journal.append) as second:
        assert await first.put(base)
        assert first.directory.namespaces["analytics"] == base

        async def is_known() -> bool:
            return second.directory.namespaces.get("analytics") == base

        await wait_until_async(is_known, 20, "the other process to know it")
        assert await second.put(changed_namespace(base, description="first"))
        assert not await first.put(changed_namespace(base, description="late"))
        assert first.directory.namespaces["analytics"].description == "first"
        assert journalled(journal) == ["first"], "what lost is not journalled, so a replay cannot bring it back"
    async with opened(kafka) as third:
        assert third.directory.contested == set()
        assert third.directory.namespaces["analytics"].description == "first"


async def test_what_a_change_rests_on_is_journalled_with_it(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Somebody's change is in force, and he dies before he has journalled it; what is built on it is acknowledged."""
    journal = ControlJournal(tmp_path / "control.journal")
    async with opened(kafka, journal.append) as control, Producer(kafka) as producer:
        dead = ControlWriter(producer, kafka.topic_name(CONTROL))
        await dead.put(new_namespace("analytics", description="by a dead one"))

        async def is_known() -> bool:
            return "analytics" in control.directory.namespaces

        await wait_until_async(is_known, 20, "the change to be read")
        assert journalled(journal) == []
        assert await control.put(new_namespace("finance", description="on it"))
        assert sorted(journalled(journal)) == ["by a dead one", "on it"]


async def test_a_change_is_not_acknowledged_while_the_journal_cannot_take_it_and_is_with_the_next_one(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    journal, is_full = ControlJournal(tmp_path / "control.journal"), [True]

    def append(key: bytes, value: bytes | None) -> None:
        if is_full[0]:
            raise OSError(28, "No space left on device")
        journal.append(key, value)

    async with opened(kafka, append) as control:
        with pytest.raises(Unavailable):
            await control.put(new_namespace("analytics", description="one"))
        is_full[0] = False
        assert await control.put(new_namespace("finance", description="two"))
    assert sorted(journalled(journal)) == ["one", "two"]


async def test_a_broker_that_forgot_everything_has_all_that_was_acknowledged_after_the_replay(tmp_path: Path) -> None:
    journal = ControlJournal(tmp_path / "control.journal")
    with start_embedded_broker() as mortal:
        kafka = mortal.settings()
        await apply_topics(kafka, [CONTROL])
        async with opened(kafka, journal.append) as control:
            base = new_namespace("analytics", description="base")
            assert await control.put(base)
            assert await control.put(changed_namespace(base, description="changed"))
        mortal.kill()
        mortal.start()
        await apply_topics(kafka, [CONTROL])
        await replay(journal, kafka)
        async with opened(kafka) as control:
            assert control.directory.namespaces["analytics"].description == "changed"


async def test_without_a_broker_a_change_is_unavailable_and_not_in_force() -> None:
    async with proxied_broker() as (broker, proxy):
        kafka = broker.settings(acknowledge_timeout_seconds=1.0)
        await apply_topics(kafka, [CONTROL])
        async with opened(kafka) as control:
            await proxy.cut()
            with pytest.raises(Unavailable):
                await control.put(new_namespace("analytics"))
            assert control.directory.namespaces == {}
            await proxy.restore()


@pytest.mark.slow
async def test_a_first_start_during_a_deletion_makes_an_operators_key_only(kafka: KafkaSettings) -> None:
    base = new_namespace("analytics")
    async with opened(kafka) as control:
        assert await control.put(base)
        deleted = changed_namespace(base, deleted_at=base.created_at)
        assert await control.put(deleted)
    keys = await issue_keys(kafka, SECRET_KEY, "analytics", "a test", timedelta(days=1), None)
    assert (keys.api_key, keys.operator_key.startswith("lh_dev_")) == ("", True)
    async with opened(kafka) as control:
        assert await control.put(changed_namespace(deleted, purged_at=base.created_at))
    again = await issue_keys(kafka, SECRET_KEY, "analytics", "a test", timedelta(days=1), None)
    async with opened(kafka) as control:
        principal = control.directory.authenticate(again.api_key)
        assert principal is not None
        assert control.directory.namespaces["analytics"].id != base.id
