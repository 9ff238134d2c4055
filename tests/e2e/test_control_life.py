"""Nothing acknowledged is lost across the control plane's life: keys rotated and revoked, a role changed, a namespace deleted and made
again, while signed records lie unread on Kafka, and with kill -9 of the web and of the storing agent between the steps."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.settings import KafkaSettings
from tests.e2e.test_tenancy import EFFECTIVE_SECONDS, Operator, jobs_of, kill_web, post
from tests.support.attacks import EVENTS, event, producer, signed
from tests.support.hub import Hub, wait_dead
from tests.support.records import Place, read_dead_letters
from tests.support.signing import Writer
from tests.support.waiting import wait_until

AGENT = "lineage-store"
JUDGED_SECONDS = 60
PURGED_SECONDS = 120
RECORDS = 10


@dataclass(frozen=True, slots=True)
class Written:
    """A record that the broker has acknowledged: its job, where it stands, and when the broker took it."""

    job: str
    place: Place
    taken_at_ms: int


class Tenant:
    """A new namespace, whose keys sign records straight to Kafka."""

    def __init__(self, hub: Hub, label: str) -> None:
        self.hub = hub
        self.operator = Operator(hub)
        self.name = f"{label}-{uuid.uuid4().hex[:8]}"
        self.kafka = KafkaSettings(brokers=hub.ready["kafka"])
        self.owner = ""
        self.make()

    def make(self) -> dict[str, Any]:
        """Make the namespace, and an owner's key; return the namespace."""
        answer = self.operator.call("POST", "", {"name": self.name})
        assert answer.status == 201, answer.body
        self.owner = self.issue("owner")
        made: dict[str, Any] = answer.json()
        return made

    def issue(self, role: str) -> str:
        """Make a key."""
        return str(self.manage("POST", "/keys", {"role": role}, status=201)["key"])

    def manage(self, method: str, path: str, document: Any = None, status: int = 200) -> Any:
        """Send a request to the management of the namespace, which must be answered so."""
        answer = self.operator.call(method, f"/{self.name}{path}", document)
        assert answer.status == status, answer.body
        return answer.json()

    def revoke(self, key: str) -> datetime:
        """Revoke a key; return since when it is."""
        return datetime.fromisoformat(self.manage("DELETE", f"/keys/{kid_of(key)}")["revoked_at"])

    def write(self, key: str, jobs: Iterable[str]) -> list[Written]:
        """Write a signed event for each job straight to Kafka; return them as acknowledged."""
        parsed = parse_api_key(key)
        assert parsed is not None
        writer = Writer.of_key(self.name, parsed)

        async def send() -> list[Written]:
            written = []
            async with producer(self.kafka) as sending:
                for job in jobs:
                    value = event(job)
                    placed = await sending.send_and_wait(EVENTS, value, headers=signed(writer, value))
                    place = (placed.topic, placed.partition, placed.offset)
                    written.append(Written(job, place, placed.timestamp))
            return written

        return asyncio.run(send())

    def stored(self) -> list[str]:
        """Return the job of each row that is stored, twice if it is stored twice, whatever reads would show."""
        sql = "SELECT JobName FROM lineage_events WHERE Namespace = {ns:String} ORDER BY JobName"
        return [row["JobName"] for row in self.hub.rows(sql, ns=self.name)]

    def refused(self, records: list[Written]) -> dict[str, tuple[str, str]]:
        """Return lane and reason of those of the records that are dead letters, by job."""
        letters = asyncio.run(read_dead_letters(self.kafka, 0))
        return {record.job: letters[record.place] for record in records if record.place in letters}

    def wait_judged(self, records: list[Written]) -> None:
        """Wait until each of the records is either stored or a dead letter."""
        jobs = {record.job for record in records}
        wait_until(lambda: jobs <= {*self.stored(), *self.refused(records)}, JUDGED_SECONDS, "each record to be judged")

    def taken(self, key: str) -> bool:
        """Whether the web takes an event by this key."""
        return post(self.hub, key, "by-web") == 201

    def wait_dead(self, key: str) -> None:
        """Wait until the web refuses this key, as long as it may take."""
        wait_until(lambda: not self.taken(key), EFFECTIVE_SECONDS, "the web to refuse the key")


def kid_of(key: str) -> str:
    return key.split("_")[2]


def numbered(label: str) -> list[str]:
    return [f"{label}-{number:02}" for number in range(RECORDS)]


@contextlib.contextmanager
def stopped_agent(hub: Hub) -> Iterator[None]:
    """Stop the storing agent, as a lag of any length would; at the end kill it with -9, and wait for its next life."""
    pid = hub.agent_pid(AGENT)
    assert pid is not None, "the agent runs"
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        wait_dead([pid], 10)
        wait_until(lambda: hub.agent_pid(AGENT) not in (None, pid), 60, "the agent's restart")


@pytest.mark.slow
def test_what_lies_unread_is_stored_if_its_key_was_live_when_the_broker_took_it_and_dead_lettered_if_not(
    hub: Hub,
) -> None:
    tenant = Tenant(hub, "rotation")
    old = tenant.issue("writer")
    first = tenant.write(old, ["first"])
    tenant.wait_judged(first)
    assert tenant.stored() == ["first"], "a new key is known to the agent when the broker has its first record"
    with stopped_agent(hub):
        before = tenant.write(old, numbered("before-rotation"))
        new = str(tenant.manage("POST", f"/keys/{kid_of(old)}/rotate", {}, status=201)["key"])
        kill_web(hub)
        in_overlap = [*tenant.write(old, numbered("in-overlap-old")), *tenant.write(new, numbered("in-overlap-new"))]
        assert (tenant.taken(old), tenant.taken(new)) == (True, True), "the rotation outlives the web"
        revoked_at_ms = tenant.revoke(old).timestamp() * 1_000
        kill_web(hub)
        tenant.wait_dead(old)
        after = tenant.write(old, numbered("after-revocation"))
        still = tenant.write(new, numbered("after-revocation-new"))
        assert tenant.stored() == ["first"], "the agent is stopped"
        live = [*before, *in_overlap, *still]
        assert max(record.taken_at_ms for record in [*before, *in_overlap]) <= revoked_at_ms
        assert min(record.taken_at_ms for record in after) >= revoked_at_ms
    tenant.wait_judged([*live, *after])
    kept = sorted(record.job for record in [*first, *live])
    assert [job for job in tenant.stored() if job != "by-web"] == kept, "each once, and nothing else"
    assert tenant.refused([*first, *live]) == {}
    assert tenant.refused(after) == {record.job: (OPERATOR_LANE, "key_revoked") for record in after}


@pytest.mark.slow
def test_a_running_agent_stores_nothing_that_the_broker_took_later_than_five_seconds_after_the_revocation(
    hub: Hub,
) -> None:
    tenant = Tenant(hub, "revocation")
    key = tenant.issue("writer")
    tenant.wait_judged(tenant.write(key, ["first"]))
    revoked_at_ms = tenant.revoke(key).timestamp() * 1_000
    written: list[Written] = []
    numbers = itertools.count()

    def is_late() -> bool:
        written.extend(tenant.write(key, [f"late-{next(numbers):03}"]))
        return written[-1].taken_at_ms > revoked_at_ms + EFFECTIVE_SECONDS * 1_000

    wait_until(is_late, 10 * EFFECTIVE_SECONDS, "a record later than five seconds after the revocation")
    tenant.wait_judged(written)
    late = [record for record in written if record.taken_at_ms > revoked_at_ms + EFFECTIVE_SECONDS * 1_000]
    assert late
    assert tenant.refused(late) == {record.job: (OPERATOR_LANE, "key_revoked") for record in late}
    assert len(tenant.refused(written)) + len(tenant.stored()) == len(written) + 1, "each is one or the other"


@pytest.mark.slow
def test_a_changed_role_is_in_force_everywhere_and_outlives_the_web_and_the_agent(hub: Hub) -> None:
    tenant = Tenant(hub, "role")

    def may(key: str) -> tuple[int, int, int]:
        """What the answers are to whoever writes, reads, and makes a key."""
        reads = hub.request("GET", "/api/v1/search", key=key).status
        makes = hub.request(
            "POST",
            f"/api/v1/namespaces/{tenant.name}/keys",
            b'{"role":"none"}',
            {"Content-Type": "application/json"},
            key,
        ).status
        return post(hub, key, "by-web"), reads, makes

    def wait_may(key: str, rights: tuple[int, int, int]) -> None:
        wait_until(lambda: may(key) == rights, EFFECTIVE_SECONDS, f"the answers to be {rights}")

    # A key has one role for life: who changes his role has another key, and the former one ends.
    held = tenant.issue("owner")
    assert may(held) == (201, 200, 422)
    for role, rights in (("reader", (403, 200, 403)), ("admin", (201, 200, 403)), ("writer", (201, 403, 403))):
        changed = tenant.issue(role)
        tenant.revoke(held)
        kill_web(hub)
        wait_may(changed, rights)
        wait_may(held, (401, 401, 401))
        held = changed
    with stopped_agent(hub):
        reader = tenant.issue("reader")
        records = [*tenant.write(held, ["as-writer"]), *tenant.write(reader, ["as-reader"])]
    tenant.wait_judged(records)
    assert tenant.refused(records) == {"as-reader": (OPERATOR_LANE, "key_revoked")}


@pytest.mark.slow
def test_a_namespace_made_again_shows_nothing_of_what_lay_unread_when_the_former_was_deleted(hub: Hub) -> None:
    tenant = Tenant(hub, "reborn")
    old_owner, old_writer = tenant.owner, tenant.issue("writer")
    assert post(hub, old_owner, "of-the-former") == 201
    wait_until(lambda: jobs_of(hub, old_owner) == {"of-the-former"}, JUDGED_SECONDS, "the event to be shown")
    with stopped_agent(hub):
        unread = tenant.write(old_writer, numbered("unread"))
        assert post(hub, old_owner, "unread-by-web") == 201
        tenant.manage("DELETE", f"?confirm={tenant.name}", status=202)
        kill_web(hub)
        for key in (old_owner, old_writer):
            tenant.wait_dead(key)
        unread += tenant.write(old_writer, numbered("after-deletion"))
        again = tenant.operator.call("POST", "", {"name": tenant.name})
        assert (again.status, again.json()["reason"]) == (409, "namespace_being_deleted"), "records lie unread"
    wait_until(
        lambda: tenant.operator.call("GET", f"/{tenant.name}").status == 404, PURGED_SECONDS, "the data to be gone"
    )
    made = tenant.make()
    with stopped_agent(hub):
        late = tenant.write(old_writer, numbered("by-a-former-key"))
        kill_web(hub)
        own = tenant.write(tenant.owner, numbered("own"))
    tenant.wait_judged([*late, *own])
    assert tenant.stored() == sorted(record.job for record in own)
    wait_until(lambda: jobs_of(hub, tenant.owner) == {*tenant.stored()}, JUDGED_SECONDS, "only its own to be shown")
    for key in (old_owner, old_writer):
        assert not tenant.taken(key)
    refused = tenant.refused([*unread, *late])
    assert {refused[record.job] for record in unread} <= {
        (OPERATOR_LANE, "namespace_mismatch"),
        (OPERATOR_LANE, "key_revoked"),
    }
    assert {refused[record.job] for record in late} == {(OPERATOR_LANE, "key_revoked")}
    keys = tenant.manage("GET", "/keys")["keys"]
    assert [one["kid"] for one in keys] == [kid_of(tenant.owner)]
    assert tenant.manage("GET", "")["id"] == made["id"]
