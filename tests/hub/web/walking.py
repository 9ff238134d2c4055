"""Every route of the OpenAPI document as requests with one tenant's ids: what the tests of isolation walk.

The requests are made from the document, so a new route is walked by itself; `Unmakeable` says what this file has to learn for it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from yarl import URL

from lineagehub.contract.audit import Action, Actor, AuditEntry, Outcome
from lineagehub.contract.control import Role
from lineagehub.contract.dead_letter import DeadLetter
from lineagehub.contract.reasons import Reason
from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import (
    AUDIT_IN,
    DEAD_LETTERS_IN,
    LINEAGE_EVENTS_IN,
    OTLP_LOGS_IN,
    OTLP_METRICS_IN,
    OTLP_TRACES_IN,
    encode_dead_letter,
)
from tests.hub.web.reading import store
from tests.hub.web.running import RunningWeb
from tests.hub.web.samples import run_event, trace_json
from tests.hub.web.telemetry_samples import HOUR, attributes, log, logs_of, metrics_of, span, spans_of

PROBES = {"/api/v1/health", "/livez", "/readyz", "/metrics"}
"""Routes whose answers change by themselves."""


class Unmakeable(Exception):
    """A route has a parameter or a body that nobody has taught this file to make."""


@dataclass(frozen=True)
class Ask:
    """One request of the walk. `names`: whether it names something by an id."""

    method: str
    route: str
    path: str
    query: dict[str, str]
    body: bytes | None
    content_type: str
    is_open: bool
    names: bool
    has_cursor: bool

    def __str__(self) -> str:
        return f"{self.method} {self.route}" + (f" ?{'&'.join(self.query)}" if self.query else "")

    def url(self, web: RunningWeb, **more: str) -> URL:
        """Return the URL; the names in its path stay as they were escaped."""
        query = urlencode({**self.query, **more})
        return URL(f"{web.url}{self.path}" + (f"?{query}" if query else ""), encoded=True)


@dataclass(frozen=True)
class Tenant:
    """What one tenant has, all of it with its `marker` in its name, or an id of its own."""

    namespace: str
    kid: str = "Nobody00"
    marker: str = field(default_factory=lambda: f"mark{uuid.uuid4().hex[:12]}")
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    trace_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    job_version: str = field(default_factory=lambda: str(uuid.uuid4()))
    dataset_version: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: int = field(default_factory=lambda: time.time_ns() - HOUR)

    @property
    def job(self) -> dict[str, str]:
        """Its job."""
        return {"namespace": f"etl-{self.marker}", "name": f"load/{self.marker} 100%"}

    @property
    def raw(self) -> dict[str, str]:
        """What the job reads."""
        return {"namespace": f"s3://raw-{self.marker}", "name": f"orders {self.marker}"}

    @property
    def orders(self) -> dict[str, str]:
        """What the job writes."""
        return {"namespace": f"postgres://{self.marker}:5432", "name": f"shop.{self.marker}"}

    @property
    def letter_id(self) -> str:
        """One of its dead letters; every tenant has one of this id."""
        return self._letter(0).id

    @property
    def words(self) -> tuple[str, ...]:
        """What no other tenant may ever see."""
        return (self.marker, self.run_id, self.trace_id, self.job_version, self.dataset_version)

    async def with_versions(self, web: RunningWeb) -> Tenant:
        """Return it with the versions that the hub gave its job and its dataset, which routes of Marquez' name."""
        parameters = [{"in": "path", "name": name} for name in ("namespace", "job", "dataset")]
        route = "/marquez/api/v1/namespaces/{{namespace}}/{}/versions"
        paths = {
            route.format(kind): {"get": {"parameters": parameters}} for kind in ("jobs/{job}", "datasets/{dataset}")
        }
        answers = [json.loads((await send(web, ask))[1]) for ask in requests({"paths": paths}, self)]
        job, dataset = (answer["versions"][0]["version"] for answer in answers)
        return replace(self, job_version=job, dataset_version=dataset)

    async def store(self, clickhouse: ClickHouse) -> None:
        """Store two runs' worth of everything, so that every list has a second page."""
        run = attributes({"lineage.run_id": self.run_id, "what": self.marker})
        traces = [self.trace_id, uuid.uuid4().hex]
        spans = [
            span(trace, uuid.uuid4().hex[:16], self.at + number, name=f"span {self.marker}", attributes=run)
            for trace in traces
            for number in (1, 2)
        ]
        ids = {"trace_id": bytes.fromhex(self.trace_id)}
        logs = [log(self.at + number, f"line {number} {self.marker}", attributes=run, **ids) for number in range(2)]
        points = [NumberDataPoint(time_unix_nano=self.at + number, as_int=number, attributes=run) for number in (1, 2)]
        names = (f"rows.{self.marker}", f"more.{self.marker}")
        metrics = [Metric(name=name, gauge=Gauge(data_points=points)) for name in names]
        service = f"service-{self.marker}"
        events = [json.dumps(event).encode() for event in self._events()]
        await store(clickhouse, LINEAGE_EVENTS_IN, events, self.namespace)
        await store(clickhouse, OTLP_TRACES_IN, [spans_of(service, spans)], self.namespace)
        await store(clickhouse, OTLP_LOGS_IN, [logs_of(service, logs)], self.namespace)
        await store(clickhouse, OTLP_METRICS_IN, [metrics_of(service, metrics)], self.namespace)
        died = [encode_dead_letter(one, "", self.marker.encode()) for one in (self._letter(0), self._letter(1))]
        await store(clickhouse, DEAD_LETTERS_IN, died, self.namespace)
        await store(clickhouse, AUDIT_IN, [self._entry(), self._entry()], self.namespace)

    def _events(self) -> Iterator[dict[str, Any]]:
        schema = {"fields": [{"name": f"id_{self.marker}", "type": "BIGINT"}]}
        origin = {**self.raw, "field": f"id_{self.marker}"}
        facets = {
            "schema": schema,
            "dataSource": {"name": f"source-{self.marker}", "uri": f"postgres://{self.marker}"},
            "tags": {"tags": [{"key": f"tag-{self.marker}", "value": "1"}]},
            "columnLineage": {"fields": {f"id_{self.marker}": {"inputFields": [origin]}}},
        }
        source = {**self.raw, "facets": {"schema": _facets(schema=schema)["schema"]}}
        job = {**self.job, "facets": _facets(sql={"query": f"SELECT '{self.marker}'"})}
        for run_id, day in ((str(uuid.uuid4()), 1), (self.run_id, 2)):
            run = {"runId": run_id, "facets": _facets(errorMessage={"message": self.marker})}
            for kind, second in (("START", 0), ("COMPLETE", 10)):
                moment = datetime.fromtimestamp(self.at / 10**9 + second + day * 60, UTC).isoformat()
                outputs = [{**self.orders, "facets": _facets(**facets)}]
                yield run_event(eventType=kind, eventTime=moment, run=run, job=job, inputs=[source], outputs=outputs)

    def _letter(self, offset: int) -> DeadLetter:
        detail = f"what {self.marker}"
        return DeadLetter(Reason.INVALID_JSON, detail, "lineage-store", "openlineage-events", 0, offset, timestamp_ms=1)

    def _entry(self) -> bytes:
        return (
            AuditEntry(
                id=uuid.uuid4(),
                at=datetime.now(UTC),
                namespace=self.namespace,
                actor=Actor(key_id="Abcd1234", role=Role.OWNER),
                action=Action.LINEAGE_JOB_DELETE,
                target=f"job:{self.marker}",
                outcome=Outcome.DONE,
                request_id=self.marker,
            )
            .model_dump_json()
            .encode()
        )


async def send(
    web: RunningWeb, ask: Ask, role: str = "owner", headers: dict[str, str] | None = None, **query: str
) -> tuple[int, str]:
    """Send a request of the walk; return status and text of its answer."""
    sent = web.headers(role) if headers is None else headers
    sent = sent | ({"Content-Type": ask.content_type} if ask.content_type else {})
    async with web.client.request(ask.method, ask.url(web, **query), data=ask.body, headers=sent) as answer:
        return answer.status, await answer.text()


def requests(document: dict[str, Any], tenant: Tenant) -> list[Ask]:
    """Return every route of the document with the tenant's ids: once with what it must have, once with every filter that there is."""
    asks: list[Ask] = []
    for route, methods in document["paths"].items():
        for name, operation in methods.items():
            parameters = operation.get("parameters", [])
            path = route
            for one in parameters:
                if one["in"] == "path":
                    path = path.replace(f"{{{one['name']}}}", quote(_path_value(tenant, route, one["name"]), safe=""))
            queries = [one for one in parameters if one["in"] == "query"]
            needed = {one["name"]: _query_value(tenant, route, one["name"]) for one in queries if one.get("required")}
            filters = {one["name"]: value for one in queries if (value := _filter_value(tenant, one["name"]))}
            content_type, body = _body(name.upper(), route, operation, tenant)
            variants = (needed, filters | needed) if filters.keys() - needed.keys() else (needed,)
            asks += [
                Ask(
                    method=name.upper(),
                    route=route,
                    path=path,
                    query=query,
                    body=body,
                    content_type=content_type,
                    is_open=not operation.get("security"),
                    names=path != route or bool({"nodeId", "runId"} & query.keys()),
                    has_cursor=any(one["name"] == "cursor" for one in queries),
                )
                for query in variants
            ]
    return asks


def _path_value(tenant: Tenant, route: str, name: str) -> str:
    of_dataset = "{dataset}" in route
    values = {
        "id": tenant.run_id,
        "run_id": tenant.run_id,
        "trace_id": tenant.trace_id,
        "namespace": tenant.orders["namespace"]
        if of_dataset or route.endswith("/datasets")
        else tenant.job["namespace"],
        "job": tenant.job["name"],
        "dataset": tenant.orders["name"],
        "version": tenant.dataset_version if of_dataset else tenant.job_version,
        "source": f"source-{tenant.marker}",
        "slug": "not-found",
        "name": "start.js" if route.startswith("/docs") else tenant.namespace,
        "letter": tenant.letter_id,
        "kid": tenant.kid,
        "key_id": tenant.kid,
    }
    return _known(values, route, name)


def _query_value(tenant: Tenant, route: str, name: str) -> str:
    dataset = f"dataset:{tenant.orders['namespace']}:{tenant.orders['name']}"
    job = f"job:{tenant.job['namespace']}:{tenant.job['name']}"
    values = {
        "nodeId": dataset if route.endswith("column-lineage") else job,
        "runId": tenant.run_id,
        "name": f"rows.{tenant.marker}",
        "q": tenant.marker,
        "type": "job",
        "period": "DAY",
    }
    return _known(values, route, name)


def _filter_value(tenant: Tenant, name: str) -> str:
    """Return a value by which the tenant's own things are found, or nothing for what is no such filter."""
    values = {
        "service": f"service-{tenant.marker}",
        "runId": tenant.run_id,
        "traceId": tenant.trace_id,
        "text": tenant.marker,
        "attribute": f"what:{tenant.marker}",
        "q": tenant.marker,
        "withDownstream": "true",
        "action": "lineage.job.delete",
        "reason": "invalid_json",
        "state": "open",
        "actor": "Abcd1234",
    }
    return values.get(name, "")


def _known(values: dict[str, str], route: str, name: str) -> str:
    if name not in values:
        raise Unmakeable(f"{route}: tests/hub/web/walking.py has no value for the parameter {name!r}")
    return values[name]


def _body(method: str, route: str, operation: dict[str, Any], tenant: Tenant) -> tuple[str, bytes | None]:
    if "requestBody" not in operation:
        return "", None
    event = run_event(job=tenant.job)
    bodies: dict[str, Any] = {
        "/api/v1/lineage": event,
        "/api/v1/lineage/batch": [event],
        "/api/v1/lineage/ingest": {"namespace": tenant.namespace, "events": [event]},
        "/api/v1/telemetry/ingest": {"namespace": tenant.namespace, "traces": [], "metrics": []},
        "/v1/traces": trace_json(),
        "/v1/metrics": {"resourceMetrics": []},
        "/v1/logs": {"resourceLogs": []},
        "/api/v1/namespaces": {"name": tenant.namespace},
        "/api/v1/namespaces/{name}": {"description": "changed by another"},
        "/api/v1/namespaces/{name}/keys": {"role": "reader"},
        "/api/v1/namespaces/{name}/keys/{kid}/rotate": {"overlap_seconds": 60},
        "/api/v1/namespaces/{name}/limits": {},
        "/api/v1/namespaces/{name}/webhooks": {"webhooks": []},
        "/api/v1/namespaces/{name}/dead-letters/redrive": {"ids": [tenant.letter_id]},
        "/api/v1/namespaces/{name}/dead-letters/drop": {"ids": [tenant.letter_id]},
    }
    if route not in bodies:
        raise Unmakeable(f"{method} {route}: tests/hub/web/walking.py has no body for it")
    return "application/json", json.dumps(bodies[route]).encode()


def _facets(**members: Any) -> dict[str, Any]:
    shared = {"_producer": "https://example.com/tests", "_schemaURL": "https://example.com/facet.json"}
    return {name: {**shared, **members} for name, members in members.items()}
