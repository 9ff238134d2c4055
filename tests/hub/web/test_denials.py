"""Denials: known callers' are audited, one entry a kind and minute whoever insists, and no answer waits for it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.control import ApiKeyRecord, NamespaceRecord, Role
from lineagehub.contract.topics import AUDIT, CONTROL
from lineagehub.telemetry.metrics import Metrics
from lineagehub.web import denials as module
from lineagehub.web.denials import Denial, Denials
from tests.hub.web.reading import get
from tests.hub.web.running import READY_SECONDS, Records, RunningWeb, following, running_web, settings_for, verified
from tests.hub.web.samples import run_event
from tests.support.broker import free_port
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def audited(web: RunningWeb) -> AsyncIterator[tuple[RunningWeb, Records]]:
    """A web with the session's keys and an audit topic of its own, and what stands on it."""
    name = f"lineagehub-audit-{uuid.uuid4().hex[:8]}"
    kafka = web.settings.kafka.model_copy(update={"topic_names": {AUDIT.name: name}})
    await apply_topics(kafka, [AUDIT])
    async with running_web(settings_for(kafka)) as running:
        running.keys = dict(web.keys)
        assert await running.parts.control_view.wait_complete(READY_SECONDS)
        async with following(kafka, (AUDIT,)) as records:
            yield running, records


async def entry_of(audited: tuple[RunningWeb, Records], request_id: str) -> AuditEntry:
    """Return the entry that a request left, signed by the hub."""
    web, records = audited
    record = await records.first(lambda one: json.loads(one.value)["request_id"] == request_id)
    envelope = verified(record, web)
    entry = AuditEntry.model_validate_json(record.value)
    assert (envelope.key_id, envelope.event_id, record.key) == (HUB_KEY_ID, str(entry.id), entry.namespace.encode())
    return entry


async def put_key(web: RunningWeb, record: ApiKeyRecord) -> None:
    """Write a record of a key and wait until the web knows it."""
    await ControlWriter(web.parts.producer, web.settings.kafka.topic_name(CONTROL)).put(record)

    async def known() -> bool:
        return web.parts.directory.key(record.kid) == record

    await wait_until_async(known, READY_SECONDS, "the control record to arrive")


async def test_a_key_used_outside_its_scope_is_audited(audited: tuple[RunningWeb, Records]) -> None:
    web, _ = audited
    headers = web.headers("writer", X_Request_Id="outside-scope")
    async with web.client.get("/api/v1/search", headers=headers) as answer:
        assert answer.status == 403
    entry = await entry_of(audited, "outside-scope")
    assert (entry.namespace, entry.action, entry.outcome) == (web.namespace, Action.ACCESS, Outcome.DENIED)
    assert (entry.target, entry.actor.role) == ("GET /api/v1/search", Role.WRITER)
    assert f"_{entry.actor.key_id}_" in web.keys["writer"]
    assert entry.detail == {"reason": "insufficient_scope", "status": 403, "requests": 1}
    assert entry.client_address == "127.0.0.1"
    assert web.keys["writer"].rpartition("_")[2] not in entry.model_dump_json()


async def test_a_body_and_a_path_that_name_anothers_namespace_are_audited_as_the_callers(
    audited: tuple[RunningWeb, Records],
) -> None:
    web, _ = audited
    body = {"namespace": "team-b", "events": [run_event()]}
    headers = web.headers("writer", X_Request_Id="body")
    async with web.client.post("/api/v1/lineage/ingest", json=body, headers=headers) as answer:
        assert answer.status == 403
    headers = web.headers("owner", X_Request_Id="path")
    async with web.client.get("/api/v1/namespaces/team-b/audit", headers=headers) as answer:
        assert answer.status == 404
    for request_id, status in (("body", 403), ("path", 404)):
        entry = await entry_of(audited, request_id)
        assert entry.namespace == web.namespace
        assert entry.detail == {"reason": "namespace_mismatch", "status": status, "requests": 1}


@pytest.mark.parametrize(("field", "reason"), [("expires_at", "key_expired"), ("revoked_at", "key_revoked")])
async def test_a_key_that_has_ended_is_audited_in_its_namespace(
    audited: tuple[RunningWeb, Records], field: str, reason: str
) -> None:
    web, _ = audited
    api_key, record = issue_key(web.parts.directory.namespaces[web.namespace], Role.OWNER, "test", web.parts.sealer)
    await put_key(web, record.model_copy(update={field: datetime.now(UTC) - timedelta(seconds=1)}))
    headers = {"Authorization": f"Bearer {api_key.text}", "X-Request-Id": reason}
    async with web.client.get("/api/v1/search", headers=headers) as answer:
        assert answer.status == 401
    entry = await entry_of(audited, reason)
    assert (entry.namespace, entry.actor.key_id) == (web.namespace, api_key.kid)
    assert entry.detail == {"reason": reason, "status": 401, "requests": 1}


async def test_a_key_of_a_namespace_that_is_gone_is_audited_to_the_operator_alone(
    audited: tuple[RunningWeb, Records],
) -> None:
    web, _ = audited
    former: NamespaceRecord = new_namespace(web.namespace)
    api_key, record = issue_key(former, Role.OWNER, "test", web.parts.sealer)
    await put_key(web, record)
    headers = {"Authorization": f"Bearer {api_key.text}", "X-Request-Id": "gone"}
    async with web.client.get("/api/v1/search", headers=headers) as answer:
        assert answer.status == 401
    entry = await entry_of(audited, "gone")
    assert (entry.namespace, entry.detail["reason"]) == ("_operator", "namespace_gone")


async def test_strangers_and_what_is_merely_wrong_are_not_audited(audited: tuple[RunningWeb, Records]) -> None:
    web, records = audited
    key = web.keys["owner"]
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    for authorization in (f"Bearer {mistyped}", "Bearer nonsense", f"Bearer {key.replace('_test_', '_prod_')}"):
        async with web.client.get("/api/v1/search", headers={"Authorization": authorization}) as answer:
            assert answer.status == 401
    assert (await get(web, "/api/v1/jobs/runs/nonsense"))[0] == 400
    # A denial that follows shows that all of them have passed.
    async with web.client.get("/api/v1/logs", headers=web.headers("writer", X_Request_Id="the-last")) as answer:
        assert answer.status == 403
    await entry_of(audited, "the-last")
    said = {json.loads(record.value)["request_id"] for record in records.all}
    assert said <= {"outside-scope", "body", "path", "key_expired", "key_revoked", "gone", "the-last"}


def denial(number: int = 0, target: str = "GET /x", namespace: str = "team-a") -> Denial:
    """A denial of one caller."""
    return Denial(Origin(namespace, Actor(key_id="Abcd1234"), f"request-{number}"), target, "insufficient_scope", 403)


async def written(audited: tuple[RunningWeb, Records], target: str, count: int) -> list[AuditEntry]:
    """Return the entries of a target once there are `count`."""
    _, records = audited

    def of_target() -> list[AuditEntry]:
        entries = [AuditEntry.model_validate_json(record.value) for record in records.all]
        return [entry for entry in entries if entry.target == target]

    async def there() -> bool:
        return len(of_target()) >= count

    await wait_until_async(there, READY_SECONDS, f"{count} entries of {target}")
    return of_target()


def log_of(web: RunningWeb) -> AuditLog:
    """Return the audit log of a web."""
    return AuditLog(web.parts.producer, web.settings.kafka.topic_name(AUDIT), web.parts.sealer)


async def test_whoever_insists_writes_one_entry_and_one_with_the_number_of_the_rest(
    audited: tuple[RunningWeb, Records],
) -> None:
    web, _ = audited
    metrics = Metrics()
    denials = Denials(log_of(web), metrics, window_seconds=3_600)
    async with denials.writing():
        for number in range(1_000):
            denials.note(denial(number, "GET /insisted"))
        (first,) = await written(audited, "GET /insisted", 1)
        assert (first.request_id, first.detail["requests"]) == ("request-0", 1)
    _, rest = await written(audited, "GET /insisted", 2)
    assert (rest.request_id, rest.detail["requests"]) == ("request-999", 999)
    assert metrics.unaudited_denials._value.get() == 0


async def test_a_window_that_ends_writes_what_it_held_and_forgets_the_kind(
    audited: tuple[RunningWeb, Records],
) -> None:
    web, _ = audited
    denials = Denials(log_of(web), Metrics(), window_seconds=0.05)
    async with denials.writing():
        for number in range(3):
            denials.note(denial(number, "GET /window"))
        entries = await written(audited, "GET /window", 2)
        assert [entry.detail["requests"] for entry in entries] == [1, 2]

        async def forgotten() -> bool:
            return not denials._windows and not denials._timers

        await wait_until_async(forgotten, READY_SECONDS, "the window to be closed")


async def test_memory_is_bounded_and_what_is_lost_is_counted_while_kafka_is_away(
    web: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.01)
    kafka = web.settings.kafka.model_copy(update={"brokers": f"127.0.0.1:{free_port()}"})
    async with running_web(settings_for(kafka)) as away:
        metrics = Metrics()
        denials = Denials(log_of(away), metrics, window_seconds=3_600)
        async with denials.writing():
            for number in range(module.MAXIMUM_KINDS_OF_ONE + 10):
                denials.note(denial(target=f"GET /{number}"))
            assert len(denials._windows) == module.MAXIMUM_KINDS_OF_ONE, "one namespace takes no place from others"
            for number in range(module.MAXIMUM_KINDS):
                denials.note(denial(target="GET /", namespace=f"team-{number}"))
            assert len(denials._windows) == module.MAXIMUM_KINDS
            assert metrics.unaudited_denials._value.get() == 10 + module.MAXIMUM_KINDS_OF_ONE


async def test_an_answer_does_not_wait_for_the_audit_log(web: RunningWeb) -> None:
    async with running_web(settings_for(web.settings.kafka)) as unaudited:
        unaudited.keys = web.keys
        assert await unaudited.parts.control_view.wait_complete(READY_SECONDS)
        await unaudited.parts.producer.stop()
        async with asyncio.timeout(READY_SECONDS):
            for _ in range(20):
                assert (await get(unaudited, "/api/v1/search", "writer"))[0] == 403
