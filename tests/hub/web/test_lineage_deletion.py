"""Deletion over HTTP: what was deleted is on no route, Marquez answers as Marquez does, nobody deletes another's, each deed is audited."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from yarl import URL

from lineagehub.auth.issuing import new_namespace
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.audit import Action, AuditEntry, Outcome
from lineagehub.contract.control import Role, Scope
from lineagehub.contract.topics import AUDIT, CONTROL, OPENLINEAGE_EVENTS
from lineagehub.management.lineage_deletion import STORE_GROUP
from lineagehub.settings import KafkaSettings
from lineagehub.web.admin import lineage_deletion
from lineagehub.web.endpoints import ENDPOINTS
from tests.hub.web.marquez.expected import LOAD_VERSION, SUMMARY_VERSION
from tests.hub.web.marquez.history import (
    FIRST_LOAD,
    LOAD,
    ORDERS,
    ORDERS_ALIAS,
    OTHER_TENANTS_JOB,
    PLANNED,
    REPORT,
    REPORT_RUN,
    SECOND_LOAD,
    SUMMARY,
    events,
    other_tenants_events,
    store,
)
from tests.hub.web.reading import get
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.support.clickhouse import start_migrated_clickhouse

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARQUEZ = "/marquez/api/v1"
LOAD_ID, ORDERS_ID = f"job:{LOAD['namespace']}:{LOAD['name']}", f"dataset:{ORDERS['namespace']}:{ORDERS['name']}"


def named(kafka: KafkaSettings) -> KafkaSettings:
    """Return settings with topics of this file's own: nobody has written to them, so there is nothing in flight."""
    names = {topic.name: f"{topic.name}-{uuid.uuid4().hex[:8]}" for topic in (OPENLINEAGE_EVENTS, AUDIT)}
    return kafka.model_copy(update={"topic_names": names})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deleting(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningWeb]:
    """A web with the session's keys and a ClickHouse of its own."""
    kafka = named(web.settings.kafka)
    await apply_topics(kafka, [OPENLINEAGE_EVENTS, AUDIT])
    with start_migrated_clickhouse(tmp_path_factory.mktemp("deletion")) as server:
        async with running_web(settings_for(kafka, server.url)) as running:
            running.keys = web.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            await store(running.parts.clickhouse, "team-b", [*other_tenants_events(), *events()])
            yield running


@pytest_asyncio.fixture(loop_scope="session")
async def hub(deleting: RunningWeb) -> RunningWeb:
    """The web with the keys of a namespace that has the history; the stranger's team-b has it, too."""
    tenant = new_namespace(f"deletion-{uuid.uuid4().hex[:8]}")
    topic = deleting.settings.kafka.topic_name(CONTROL)
    await ControlWriter(deleting.parts.producer, topic).put(tenant)
    running = replace(deleting, namespace=tenant.name, keys=dict(deleting.keys))
    for role in (Role.OWNER, Role.READER):
        await running.issue(tenant, role, role.value)
    await store(running.parts.clickhouse, tenant.name, events())
    return running


async def delete(hub: RunningWeb, path: str, role: str = "owner") -> tuple[int, Any, Mapping[str, str]]:
    """Return status, body and headers of a DELETE; the path goes over the wire as it is."""
    url = URL(f"{hub.url}{path}", encoded=True)
    async with hub.client.delete(url, headers=hub.headers(role)) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers


def of_job(job: dict[str, Any]) -> str:
    return f"{MARQUEZ}/namespaces/{quote(job['namespace'], safe='')}/jobs/{quote(job['name'], safe='')}"


def of_dataset(dataset: dict[str, Any]) -> str:
    return f"{MARQUEZ}/namespaces/{quote(dataset['namespace'], safe='')}/datasets/{quote(dataset['name'], safe='')}"


def by_node(node_id: str) -> str:
    return f"/api/v1/lineage?nodeId={quote(node_id, safe='')}"


def read_paths() -> list[str]:
    """Return every route that reads lineage, about what is deleted here and about its neighbours; but for the events as they came."""
    paths = [
        _filled(endpoint.path, *names)
        for endpoint in ENDPOINTS
        if (endpoint.method, endpoint.scope) == ("GET", Scope.LINEAGE_READ)
        and not endpoint.path.endswith("/events/lineage")
        for names in ((LOAD, ORDERS, SECOND_LOAD, LOAD_VERSION), (REPORT, SUMMARY, REPORT_RUN, SUMMARY_VERSION))
    ]
    return list(
        dict.fromkeys([*paths, f"/api/v1/lineage?nodeId={quote('job:prod/eu:report')}&asOf=2024-03-01T12:30:00Z"])
    )


def _filled(template: str, job: dict[str, Any], dataset: dict[str, Any], run: str, version: str) -> str:
    of_datasets = "/datasets" in template
    names = {
        "namespace": (dataset if of_datasets else job)["namespace"],
        "job": job["name"],
        "dataset": dataset["name"],
    }
    names |= {"id": run, "version": version, "source": "orders-db"}
    path = template
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    node_id = f"job:{job['namespace']}:{job['name']}"
    queries = {
        "/lineage": f"nodeId={quote(node_id)}",
        "/column-lineage": f"nodeId=dataset:{dataset['namespace']}:{dataset['name']}",
        "/impact": f"nodeId={quote(node_id)}",
        "/upstream": f"runId={run}",
        "/facets": "type=run",
        "/search": "q=o&limit=100",
    }
    default = "q=o" if "/search/" in template else "period=DAY" if "/stats/" in template else "limit=100"
    return f"{path}?{next((query for end, query in queries.items() if template.endswith(end)), default)}"


async def everything(hub: RunningWeb) -> dict[str, str]:
    """Return what each of the paths answers; nothing for 404."""
    said = {}
    for path in read_paths():
        async with hub.client.get(URL(f"{hub.url}{path}", encoded=True), headers=hub.headers("owner")) as answer:
            assert answer.status in (200, 404), (path, await answer.text())
            said[path] = await answer.text() if answer.status == 200 else ""
    return said


async def shown(hub: RunningWeb, role: str = "owner") -> list[dict[str, Any]]:
    """Return the jobs and datasets of the caller's namespace."""
    found: list[dict[str, Any]] = (await get(hub, "/api/v1/search", role, limit=100))[1]["results"]
    return found


async def read(hub: RunningWeb, path: str) -> Any:
    """Return the document of a path."""
    async with hub.client.get(URL(f"{hub.url}{path}", encoded=True), headers=hub.headers("reader")) as answer:
        assert answer.status == 200
        return await answer.json()


def routes_that_say(said: dict[str, str], word: str) -> set[str]:
    return {path for path, text in said.items() if word in text}


async def audited(hub: RunningWeb) -> list[AuditEntry]:
    """Return all entries of the audit topic, in their order."""
    kafka = hub.settings.kafka
    consumer = AIOKafkaConsumer(**client_arguments(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(kafka.topic_name(AUDIT), 0)])
        entries: list[AuditEntry] = []
        while found := await consumer.getmany(timeout_ms=300):
            entries += [AuditEntry.model_validate_json(one.value) for records in found.values() for one in records]
        return entries
    finally:
        await consumer.stop()


@pytest.mark.slow
async def test_a_deleted_job_is_on_no_route_and_its_owner_gets_a_receipt_and_an_audit_trail(hub: RunningWeb) -> None:
    others = await shown(hub, "stranger")
    known = len(await audited(hub))
    status, receipt, headers = await delete(hub, by_node(LOAD_ID))
    assert status == 200, receipt
    deleted_at = receipt.pop("deleted_at")
    assert receipt == {"kind": "job", **LOAD, "runs": 2, "jobs": 1, "datasets": 0, "events": 4}
    after = await everything(hub)
    for word in (LOAD["name"], FIRST_LOAD, SECOND_LOAD):
        assert routes_that_say(after, word) == set(), word
    assert routes_that_say(after, ORDERS["name"]), "a dataset outlives the job that wrote it"
    page = (await get(hub, "/api/v1/events/lineage"))[1]
    assert LOAD["name"] not in json.dumps(page)
    assert page["totalCount"] == 5
    assert await shown(hub, "stranger") == others
    assert (await delete(hub, by_node(LOAD_ID)))[0] == 404

    requested, done = (await audited(hub))[known:]
    assert (requested.outcome, done.outcome) == (Outcome.REQUESTED, Outcome.DONE)
    assert requested.at < done.at
    assert done.at.isoformat()[:16] == deleted_at[:16]
    for entry in (requested, done):
        assert (entry.namespace, entry.action, entry.target) == (hub.namespace, Action.LINEAGE_JOB_DELETE, LOAD_ID)
        assert (entry.actor.role, entry.client_address) == ("owner", "127.0.0.1")
        assert f"_{entry.actor.key_id}_" in hub.keys["owner"]
        assert entry.request_id == headers["X-Request-Id"]
        assert hub.keys["owner"] not in entry.model_dump_json()
        assert entry.detail["runs"] == 2


@pytest.mark.slow
async def test_marquez_answers_a_deleted_dataset_as_it_was_and_it_is_gone_under_all_its_names(hub: RunningWeb) -> None:
    others = await shown(hub, "stranger")
    was = await read(hub, of_dataset(ORDERS))
    status, document, _ = await delete(hub, of_dataset(ORDERS_ALIAS))
    assert (status, document) == (200, was)
    after = await everything(hub)
    assert routes_that_say(after, ORDERS["name"]) == set()
    # The report's own columnLineage facet names where its columns came from; its column lineage does not.
    for path in routes_that_say(after, ORDERS_ALIAS["name"]):
        assert "/datasets" in path, path
    assert (await read(hub, of_dataset(SUMMARY)))["columnLineage"] is None
    assert ORDERS_ALIAS["namespace"] not in json.dumps(await read(hub, f"{MARQUEZ}/namespaces"))
    # The run events that name it are the record of their jobs.
    assert ORDERS["name"] in json.dumps((await get(hub, "/api/v1/events/lineage"))[1])
    assert await shown(hub, "stranger") == others
    for dataset in (ORDERS, ORDERS_ALIAS):
        status, body, _ = await delete(hub, of_dataset(dataset))
        assert (status, body["code"]) == (404, 404)


@pytest.mark.slow
async def test_marquez_deletes_a_namespace_with_all_that_is_in_it(hub: RunningWeb) -> None:
    path = f"{MARQUEZ}/namespaces/{quote(LOAD['namespace'], safe='')}"
    was, others = await read(hub, path), await shown(hub, "stranger")
    assert (await delete(hub, path))[:2] == (200, was)
    left = await shown(hub)
    assert {one["name"] for one in left if one["type"] == "JOB"} == {PLANNED["name"]}
    assert {one["name"] for one in left if one["type"] == "DATASET"} >= {ORDERS["name"], SUMMARY["name"]}
    assert LOAD["namespace"] not in [one["name"] for one in (await read(hub, f"{MARQUEZ}/namespaces"))["namespaces"]]
    assert (await delete(hub, path))[:2] == (404, {"code": 404, "message": "Namespace 'prod/eu' not found."})
    assert await shown(hub, "stranger") == others


async def test_marquez_deletes_a_job_and_answers_it_as_it_was(hub: RunningWeb) -> None:
    was = await read(hub, of_job(REPORT))
    assert (await delete(hub, of_job(REPORT)))[:2] == (200, was)
    assert (await delete(hub, of_job(REPORT)))[:2] == (404, {"code": 404, "message": "Job 'report' not found."})


async def test_nobody_deletes_anothers_and_what_is_unknown_is_404(hub: RunningWeb) -> None:
    known = len(await audited(hub))
    foreign = f"job:{OTHER_TENANTS_JOB['namespace']}:{OTHER_TENANTS_JOB['name']}"
    paths = [by_node(one) for one in (foreign, "job:no:body", "dataset:no:thing", "namespace:nowhere")]
    for path in (*paths, of_job(OTHER_TENANTS_JOB), of_dataset({"namespace": "no", "name": "thing"})):
        assert (await delete(hub, path))[0] == 404, path
    assert len(await audited(hub)) == known
    assert (await get(hub, "/api/v1/lineage", "stranger", nodeId=foreign))[0] == 200


async def test_who_may_only_read_or_write_deletes_nothing(deleting: RunningWeb) -> None:
    for role in ("reader", "writer"):
        for path in (by_node(LOAD_ID), of_job(LOAD), of_dataset(ORDERS), f"{MARQUEZ}/namespaces/prod%2Feu"):
            assert (await delete(deleting, path, role))[0] == 403


@pytest.mark.parametrize("node_id", ["", "job:a", "namespace:", "table:a:b", "job:a:" + "b" * 5_000])
async def test_what_is_no_node_id_is_400_and_says_how_one_looks(deleting: RunningWeb, node_id: str) -> None:
    status, problem, _ = await delete(deleting, by_node(node_id))
    assert (status, problem["errors"][0]["pointer"]) == (400, "/nodeId")


async def test_what_was_accepted_before_is_waited_for_and_until_then_nothing_is_deleted(
    hub: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = hub.settings.kafka
    topic = kafka.topic_name(OPENLINEAGE_EVENTS)
    partition, offset = await hub.parts.producer.send(topic, b"not stored yet")
    monkeypatch.setattr(lineage_deletion, "CATCH_UP_SECONDS", 1.0)
    before, known = await shown(hub), len(await audited(hub))
    try:
        status, problem, headers = await delete(hub, by_node(ORDERS_ID))
        assert (status, problem["reason"], headers["Retry-After"]) == (503, "store_behind", "5")
        assert "Nothing was deleted" in problem["detail"]
        status, body, headers = await delete(hub, of_dataset(ORDERS))
        assert (status, body["code"], headers["Retry-After"]) == (503, 503, "5")
        assert (await shown(hub), len(await audited(hub))) == (before, known)
    finally:
        await _store_commits(kafka, TopicPartition(topic, partition), offset + 1)
    monkeypatch.undo()
    assert (await delete(hub, by_node(ORDERS_ID)))[0] == 200


async def _store_commits(kafka: KafkaSettings, partition: TopicPartition, offset: int) -> None:
    """Commit for the storing agent, as if it had delivered."""
    group = STORE_GROUP
    consumer = AIOKafkaConsumer(**client_arguments(kafka), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.commit({partition: offset})
    finally:
        await consumer.stop()


async def test_without_an_audit_entry_nothing_is_deleted(hub: RunningWeb) -> None:
    async with running_web(settings_for(named(hub.settings.kafka), hub.settings.clickhouse.url)) as unaudited:
        unaudited.keys = hub.keys
        assert await unaudited.parts.control_view.wait_complete(READY_SECONDS)
        await unaudited.parts.producer.stop()
        before = await shown(hub)
        status, problem, headers = await delete(unaudited, by_node(LOAD_ID))
        assert (status, problem["reason"]) == (503, "unavailable")
        assert "Retry-After" in headers
        assert await shown(hub) == before
