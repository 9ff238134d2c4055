"""What tests of shared datasets share: namespaces that share some, and what they hear of each other."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lineagehub.store.landing import LINEAGE_EVENTS_IN
from lineagehub.store.queries.graph import LineageGraph
from tests.hub.web.management.calling import NAMESPACES, issue, send
from tests.hub.web.reading import store
from tests.hub.web.running import RunningWeb


@dataclass(frozen=True)
class Answer:
    """A GET's answer. `body` is without the request's id."""

    status: int
    body: str

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Team:
    """A namespace, its OpenLineage namespace of datasets, and its owner's key."""

    name: str
    datasets: str
    key: str

    async def get(self, web: RunningWeb, path: str, **query: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with web.client.get(f"/api/v1/{path}", params=query, headers=headers) as answer:
            text = await answer.text()
            return Answer(answer.status, text.replace(answer.headers["X-Request-Id"], ""))

    async def graph(self, web: RunningWeb, dataset_name: str, **query: Any) -> Graph:
        node = f"dataset:{self.datasets}:{dataset_name}"
        answer = await self.get(web, "lineage", nodeId=node, **{"scope": "shared", **query})
        assert answer.status == 200, answer
        LineageGraph.model_validate(answer.document)
        return Graph({one["id"]: one for one in answer.document["graph"]}, answer.document["truncated"])

    async def found(self, web: RunningWeb, **query: Any) -> list[tuple[str, str | None]]:
        """Names of what a search over the shared finds, and who shares it."""
        answer = await self.get(web, "search", **{"scope": "shared", "limit": 1_000, **query})
        assert answer.status == 200, answer
        results = answer.document["results"]
        assert answer.document["totalCount"] == len(results)
        return [(one["name"], one["sharedBy"]) for one in results if one["namespace"] == self.datasets]

    async def share(self, web: RunningWeb, *names: str, **fields: Any) -> None:
        entries = [{"namespace": self.datasets, "name": name} for name in names]
        document = {"discoverable": True, "shared_datasets": entries, **fields}
        reply = await send(web, "PATCH", f"{NAMESPACES}/{self.name}", self.key, document)
        assert reply.status == 200, reply

    async def store(self, web: RunningWeb, *events: dict[str, Any]) -> None:
        """Store events whose datasets are of this run of the test alone."""
        text = json.dumps(events).replace("db://h:1", self.datasets)
        await store(
            web.parts.clickhouse, LINEAGE_EVENTS_IN, [json.dumps(one).encode() for one in json.loads(text)], self.name
        )


@dataclass(frozen=True)
class Graph:
    """A graph's nodes by id."""

    nodes: dict[str, Any]
    is_truncated: bool

    def label(self, node_id: str) -> str:
        """A node's name; for a redacted one a question mark."""
        node = self.nodes[node_id]
        return "?" if node["type"] == "REDACTED" else node["data"]["name"]

    @property
    def labels(self) -> list[str]:
        return sorted(map(self.label, self.nodes))

    @property
    def edges(self) -> list[str]:
        edges = [edge for node in self.nodes.values() for edge in node["outEdges"]]
        return sorted(f"{self.label(edge['origin'])} > {self.label(edge['destination'])}" for edge in edges)

    @property
    def ways(self) -> list[str]:
        """From dataset to dataset over one redacted node."""
        redacted = [node for node in self.nodes.values() if node["type"] == "REDACTED"]
        return sorted(
            f"{self.label(into['origin'])} > {self.label(out['destination'])}"
            for node in redacted
            for into in node["inEdges"]
            for out in node["outEdges"]
        )

    def of(self, name: str) -> Any:
        return next(node for node in self.nodes.values() if node["data"] and node["data"]["name"] == name)


async def team(hub: RunningWeb, datasets: str, name: str) -> Team:
    name = f"{name}-{uuid.uuid4().hex[:8]}"
    created = await send(hub, "POST", NAMESPACES, hub.keys["operator"], {"name": name})
    assert created.status == 201, created
    return Team(name, datasets, await issue(hub, name, "owner"))


async def teams(hub: RunningWeb, *names: str) -> Sequence[Team]:
    """Namespaces whose datasets share a namespace of OpenLineage that is nobody else's."""
    datasets = f"db://{uuid.uuid4().hex[:8]}:1"
    return [await team(hub, datasets, name) for name in names]
