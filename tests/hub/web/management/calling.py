"""What tests of the management API share: calling it, and a namespace with its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from lineagehub.broker.connection import client_arguments
from lineagehub.contract.audit import AuditEntry
from lineagehub.contract.topics import AUDIT
from lineagehub.settings import KafkaSettings
from tests.hub.web.running import RunningWeb

NAMESPACES = "/api/v1/namespaces"


@dataclass(frozen=True)
class Reply:
    """Status, document and headers of an answer."""

    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def etag(self) -> dict[str, str]:
        """The header that makes the next request about this revision only."""
        return {"If-Match": self.headers["ETag"]}

    @property
    def pointers(self) -> list[str]:
        """Which parts of the body are refused."""
        return [error["pointer"] for error in self.document["errors"]]


@dataclass
class Tenant:
    """A namespace and a key of each role, in clear."""

    name: str
    keys: dict[str, str]

    @property
    def path(self) -> str:
        """Where it is managed."""
        return f"{NAMESPACES}/{self.name}"


async def send(
    web: RunningWeb, method: str, path: str, key: str, document: Any = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send a request; `document` is JSON, or bytes as they are."""
    body = document if isinstance(document, bytes | None) else json.dumps(document).encode()
    named = {
        "Authorization": f"Bearer {key}",
        **({"Content-Type": "application/json"} if body else {}),
        **(headers or {}),
    }
    async with web.client.request(method, path, data=body, headers=named) as answer:
        return Reply(answer.status, await answer.json(content_type=None), answer.headers)


async def issue(web: RunningWeb, namespace: str, role: str, **fields: Any) -> str:
    """Have the operator make a key; return it in clear."""
    path = f"{NAMESPACES}/{namespace}/keys"
    reply = await send(web, "POST", path, web.keys["operator"], {"role": role, **fields})
    assert reply.status == 201, reply
    return str(reply.document["key"])


def kid_of(key: str) -> str:
    """Return the public id of a key in clear."""
    return key.split("_")[2]


async def opens(web: RunningWeb, key: str) -> bool:
    """Whether a key is taken, whatever it may do."""
    return (await send(web, "GET", NAMESPACES, key)).status != 401


async def audited(kafka: KafkaSettings, namespace: str) -> list[AuditEntry]:
    """Return the audit entries of a namespace, in their order."""
    consumer = AIOKafkaConsumer(**client_arguments(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(kafka.topic_name(AUDIT), number) for number in range(AUDIT.partitions)])
        entries: list[AuditEntry] = []
        while found := await consumer.getmany(timeout_ms=400):
            entries += [AuditEntry.model_validate_json(one.value) for records in found.values() for one in records]
        return sorted((entry for entry in entries if entry.namespace == namespace), key=lambda entry: entry.at)
    finally:
        await consumer.stop()
