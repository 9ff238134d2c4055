"""No API key's secret, and not the hub's, comes out anywhere: logs at debug level, audit, dead letters' headers, answers, metrics.

Requests of every kind, right ones and those that carry a key where none belongs. What a tenant writes into the value of his own event is
his data, and stays.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from lineagehub.auth.api_keys import make_api_key, parse_api_key
from lineagehub.auth.issuing import issue_key, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.connection import client_arguments
from lineagehub.broker.control import ControlWriter
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import Role
from lineagehub.contract.topics import AUDIT, CONTROL, DEAD_LETTERS, OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings
from tests.hub.web.samples import run_event
from tests.support.hub import Hub, run_command, start_hub
from tests.support.waiting import wait_until

SECONDS = 60


class Secrets:
    """A hub, the keys of everybody who talks to it, and all that it ever said."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.kafka = KafkaSettings(brokers=hub.ready["kafka"], idempotent=False)
        self.secret_key = (hub.data / "secret.key").read_text().strip()
        self.keys = {"owner": hub.api_key, "operator": str(hub.ready["operator_key"])}
        self.said: dict[str, str] = {}

    def words(self) -> dict[str, str]:
        """Return what must not be said, by what it is: a secret's beginning and its end, as what is cut is a secret, too."""
        words = {"the hub's secret": self.secret_key}
        for name, text in self.keys.items():
            key = parse_api_key(text)
            assert key is not None
            words |= {f"{name} begins": key.secret[:16], f"{name} ends": key.secret[-16:], f"{name} hashed": key.digest}
        return words

    async def issue(self) -> None:
        """Issue keys as commands do, one that writes and one that is revoked, and make one that nobody knows."""
        sealer = Sealer(self.secret_key)
        bootstrapped = await asyncio.to_thread(
            run_command,
            *("bootstrap", "--namespace", "secretive", "--json"),
            LINEAGEHUB_KAFKA_BROKERS=self.kafka.brokers,
            LINEAGEHUB_KAFKA_IDEMPOTENT="false",
            LINEAGEHUB_SECRET_KEY=self.secret_key,
            LINEAGEHUB_LOG_LEVEL="debug",
        )
        assert bootstrapped.returncode == 0, bootstrapped.stderr
        self.said["bootstrap on stderr"] = bootstrapped.stderr
        printed = json.loads(bootstrapped.stdout)
        self.keys |= {"bootstrapped": printed["api_key"], "second operator": printed["operator_key"]}
        namespace = new_namespace("ended")
        async with Producer(self.kafka) as producer:
            writer = ControlWriter(producer, CONTROL.name)
            await writer.put(namespace)
            for name, revoked_at in (("writer", None), ("revoked", datetime.now(UTC))):
                key, record = issue_key(namespace, Role.WRITER, "dev", sealer)
                self.keys[name] = key.text
                await writer.put(record.model_copy(update={"revoked_at": revoked_at}))
        self.keys["unknown"] = make_api_key("dev").text

    def ask(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> int:
        """Send a request as it stands, keep what is answered, and return the status."""
        connection = http.client.HTTPConnection(self.hub.url.removeprefix("http://"), timeout=30)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in [*headers, ("Content-Length", str(len(body)))]:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            told = f"{answer.getheaders()} {answer.read().decode(errors='replace')}"
            self.said[f"{len(self.said)}: {method} {path[:40]} {answer.status}"] = told
            return answer.status
        finally:
            connection.close()

    async def produce(self) -> None:
        """Write records of which no agent can make anything, with keys in their headers."""
        async with Producer(self.kafka) as producer:
            for text in self.keys.values():
                headers = [("Authorization", f"Bearer {text}".encode()), ("lh-kid", text.encode())]
                await producer.send(OPENLINEAGE_EVENTS.name, b"{}", headers=headers)
                signed = {"lh-v": "1", "lh-ns": text, "lh-id": text, "lh-ts": "1", "lh-ct": text, "lh-sig": "AAAA"}
                all_of_it = [(name, value.encode()) for name, value in signed.items()]
                await producer.send(OPENLINEAGE_EVENTS.name, b"{}", headers=[*all_of_it, headers[1]])

    async def records(self, topic: str, count: int) -> list[str]:
        """Return headers of all records of a topic, once there are `count`."""
        consumer = AIOKafkaConsumer(**client_arguments(self.kafka), auto_offset_reset="earliest", group_id=None)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, number) for number in sorted(await _partitions(consumer, topic))])
            found: list[str] = []
            async with asyncio.timeout(SECONDS):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += [repr((record.key, record.headers)) for record in records]
            return found
        finally:
            await consumer.stop()

    def operations(self) -> list[str]:
        """Return the URLs of the agents' operations servers, which they log."""
        logs = "".join(path.read_text() for path in self.logs())
        return sorted(set(re.findall(r'"operations": ?"(http://[^"]+)"', logs)))

    def logs(self) -> list[Path]:
        """Return the log files."""
        return sorted((self.hub.data / "logs").glob("*.log"))


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer.topics()
    found: set[int] = consumer.partitions_for_topic(topic) or set()
    return found


def odd_requests(key: str) -> Iterator[tuple[str, str, list[tuple[str, str]], bytes]]:
    """Yield requests with the key where it belongs, and everywhere else."""
    bearer = ("Authorization", f"Bearer {key}")
    json_type = ("Content-Type", "application/json")
    quoted = urllib.parse.quote(f"Bearer {key}")
    event = json.dumps(run_event()).encode()
    yield "POST", "/api/v1/lineage", [bearer, json_type], event
    for path in ("/api/v1/search", "/api/v1/namespaces/demo/audit", "/marquez/api/v1/jobs", "/v1/traces", "/nowhere"):
        yield "GET", path, [bearer], b""
        yield "GET", f"{path}?api_key={key}&access_token={quoted}", [], b""
    basic = base64.b64encode(f"user:{key}".encode()).decode()
    for text in (
        f"bearer {key}",
        f"Bearer  {key}",
        f"Bearer {key} ",
        f"Bearer {key},{key}",
        f"Bearer Bearer {key}",
        f"Basic {basic}",
        f"Token {key}",
        key,
        f"Bearer {key[:-1]}",
        f"Bearer \t{key}\x7f",
    ):
        yield "GET", "/api/v1/search", [("Authorization", text)], b""
    yield "GET", "/api/v1/search", [bearer, bearer], b""
    yield "GET", "/api/v1/search", [("X-API-Key", key), ("Cookie", f"key={key}"), ("X-Request-Id", f"a {key}")], b""
    yield "GET", f"/api/v1/{key}/jobs", [bearer], b""
    yield "GET", f"/api/v1/namespaces/{key}/audit", [bearer], b""
    yield "GET", f"/api/v1/jobs/runs/{key}", [bearer], b""
    yield "GET", f"/marquez/api/v1/namespaces/{key}/jobs/{key}", [bearer], b""
    yield "GET", f"/problems/{key}", [bearer], b""
    for parameters in (
        {"nodeId": f"job:a:{key}"},
        {"nodeId": key},
        {"nodeId": "job:a:b", "depth": key},
        {"nodeId": "job:a:b", "asOf": key},
    ):
        yield "GET", f"/api/v1/lineage?{urllib.parse.urlencode(parameters)}", [bearer], b""
    yield "GET", f"/api/v1/logs?cursor={key}", [bearer], b""
    yield "GET", f"/api/v1/logs?from={key}&severity={key}&traceId={key}", [bearer], b""
    yield "DELETE", f"/api/v1/lineage?nodeId={key}", [bearer], b""
    yield key[:20], "/api/v1/lineage", [bearer], b""
    for body in (
        key.encode(),
        f'{{"key": "{key}"'.encode(),
        json.dumps({**run_event(), "producer": key, "schemaURL": key, "eventTime": key}).encode(),
        json.dumps({**run_event(), "run": {"runId": key}}).encode(),
        json.dumps({**run_event(), "run": {"runId": key, "facets": {"parent": key}}}).encode(),
    ):
        yield "POST", "/api/v1/lineage", [bearer, json_type], body
        yield "POST", "/api/v1/lineage/batch", [bearer, json_type], b"[" + body + b"]"
        yield "POST", "/v1/traces", [bearer, json_type], body
    named = {"namespace": key, "source": key, "events": [run_event()]}
    yield "POST", "/api/v1/lineage/ingest", [bearer, json_type], json.dumps(named).encode()
    span = {
        "namespace": None,
        "traces": [{"trace_id": key, "start_time": key}],
        "metrics": [{"name": key, "type": key}],
    }
    yield "POST", "/api/v1/telemetry/ingest", [bearer, json_type], json.dumps(span).encode()
    yield "POST", "/api/v1/lineage", [bearer, ("Content-Type", key)], event
    yield "POST", "/api/v1/lineage", [bearer, json_type, ("Content-Encoding", key)], event
    yield "POST", "/api/v1/lineage", [bearer, json_type, ("lineagehub-event-id", key)], event
    yield "POST", "/api/v1/lineage/batch", [bearer, json_type, ("Idempotency-Key", f"{key} é")], b"[" + event + b"]"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secrets]:
    """A hub of this file's own, which logs all that it can."""
    with start_hub(tmp_path_factory.mktemp("secrets"), settings={"LINEAGEHUB_LOG_LEVEL": "debug"}) as hub:
        yield Secrets(hub)


def test_no_secret_is_in_logs_audit_dead_letters_answers_or_metrics(secrets: Secrets) -> None:
    hub, statuses = secrets.hub, set()
    asyncio.run(secrets.issue())
    wait_until(
        lambda: secrets.ask("GET", "/api/v1/search", [("Authorization", f"Bearer {secrets.keys['writer']}")]) == 403,
        SECONDS,
        "the web to know the keys",
    )
    for key in secrets.keys.values():
        for method, path, headers, body in odd_requests(key):
            statuses.add(secrets.ask(method, path, headers, body))
    asyncio.run(secrets.produce())
    assert statuses >= {200, 201, 400, 401, 403, 404, 405, 415, 422}
    assert not [status for status in statuses if status >= 500]

    dead = asyncio.run(secrets.records(DEAD_LETTERS.name, 2 * len(secrets.keys)))
    entries = asyncio.run(secrets.records(AUDIT.name, 3))
    wait_until(
        lambda: hub.count("SELECT uniqExact(KeyId) FROM audit_log WHERE Action = 'access'") >= 3,
        SECONDS,
        "denials in ClickHouse",
    )
    audit = hub.rows("SELECT * FROM audit_log")
    assert {row["Namespace"] for row in audit} >= {"ended"}
    urls = [hub.url, *secrets.operations()]
    assert len(urls) >= 4, "the web and three agents"
    metrics = {url: urllib.request.urlopen(f"{url}/metrics", timeout=30).read().decode() for url in urls}
    logs = {path.name: path.read_text(errors="replace") for path in secrets.logs()}
    assert all(name in logs for name in ("web.log", "lineage-store.log", "audit.log", "clickhouse.log", "broker.log"))
    assert '"level": "debug"' in logs["web.log"]
    # Their ids are there, so the texts that held the keys were.
    kids = [parsed.kid for text in secrets.keys.values() if (parsed := parse_api_key(text))]
    assert all(kid in logs["web.log"] for kid in kids)
    assert all(any(kid in one for one in dead) for kid in kids)

    places = {**logs, **metrics, **secrets.said, "dead letters": str(dead), "audit": str(audit), "topic": str(entries)}
    found = [(what, where) for what, word in secrets.words().items() for where, text in places.items() if word in text]
    assert found == []
