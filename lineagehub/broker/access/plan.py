"""What one user may do on the broker, as a plan: computed from settings alone, compared and applied by administration.py.

A tenant may write, and find out where to; nothing else (security.md section 3). Whom the broker authenticates it does not
tell the consumer, so on the shared topics the signature says who wrote; on bound topics these ACLs do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from lineagehub.contract.topics import TENANT_TOPICS, TOPICS
from lineagehub.settings import MEBIBYTE, KafkaSettings

TENANT_USER_PREFIX = "ns-"

PRODUCER_BYTE_RATE = "producer_byte_rate"
REQUEST_PERCENTAGE = "request_percentage"
DEFAULT_BYTES_PER_SECOND = 10 * MEBIBYTE
DEFAULT_REQUEST_PERCENTAGE = 50
"""Of one request-handler thread of a broker; it also bounds what decompressing a tenant's batches costs."""


class ResourceType(IntEnum):
    """What an ACL is about, with Kafka's numbers."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """What an ACL allows, with Kafka's numbers."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


class TopicChoice(StrEnum):
    """Which topics a tenant gets."""

    ALL = "all"
    SHARED = "shared"
    BOUND = "bound"


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One rule: allowed, from any host, on exactly this name."""

    resource_type: ResourceType
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.operation.name} on {self.resource_type.name.lower()} {self.name}"


@dataclass(frozen=True, slots=True)
class Access:
    """What one SCRAM user may do: all of it if `exact`, at least this else. No quotas: it is not limited."""

    user: str
    acls: tuple[Acl, ...]
    quotas: dict[str, float]
    exact: bool

    @property
    def principal(self) -> str:
        """The user, as ACLs name it."""
        return f"User:{self.user}"


def tenant_access(
    kafka: KafkaSettings,
    namespace: str,
    choice: TopicChoice = TopicChoice.ALL,
    bytes_per_second: float = DEFAULT_BYTES_PER_SECOND,
    request_percentage: float = DEFAULT_REQUEST_PERCENTAGE,
) -> Access:
    """Return what the user of a namespace may do: write to the tenant topics, to those bound to the namespace, or to both.

    `bytes_per_second` is of each broker. Who is above a quota is delayed, never refused.
    """
    shared = [kafka.topic_name(topic) for topic in TENANT_TOPICS] if choice is not TopicChoice.BOUND else []
    own = [name for name, bound_to in kafka.bound_topics.items() if bound_to == namespace]
    names = shared + (own if choice is not TopicChoice.SHARED else [])
    return Access(
        TENANT_USER_PREFIX + namespace,
        _acls(ResourceType.TOPIC, names, (Operation.WRITE, Operation.DESCRIBE)),
        {PRODUCER_BYTE_RATE: bytes_per_second, REQUEST_PERCENTAGE: request_percentage},
        exact=True,
    )


def hub_access(kafka: KafkaSettings, user: str, groups: Sequence[str]) -> Access:
    """Return what the hub's own user may do, if it is no super user: everything that web, agents and `topics apply` need.

    `groups` are the agents' consumer groups.
    """
    names = [name for topic in TOPICS for name in kafka.broker_topics(topic)]
    on_topics = (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
    )
    on_groups = (Operation.READ, Operation.DESCRIBE)
    acls = _acls(ResourceType.TOPIC, names, on_topics) + _acls(ResourceType.GROUP, groups, on_groups)
    return Access(user, acls, {}, exact=False)


def _acls(resource_type: ResourceType, names: Sequence[str], operations: Sequence[Operation]) -> tuple[Acl, ...]:
    return tuple(Acl(resource_type, name, operation) for name in names for operation in operations)
