"""What the handlers work with: the parts of the hub, and the typed keys under which the application and the request
hold them.

Parts are made by serve.py (or a test), handed to create_app, and read by handlers from the application.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from lineagehub.auth.directory import Directory
from lineagehub.auth.oidc.people import People
from lineagehub.auth.principal import Principal
from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog
from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.contract.control import ApiKeyRecord
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.namespace_purge import NamespacePurger
from lineagehub.quota.daily import DailyQuota
from lineagehub.quota.rate_limiter import RateLimiter
from lineagehub.quota.replicas import Replicas
from lineagehub.settings import Settings
from lineagehub.store.client import ClickHouse
from lineagehub.telemetry.metrics import Metrics
from lineagehub.web.problems import Problem


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running web, started by their owner.

    `clickhouse` reads, as a user who may do nothing else if the settings name one; `clickhouse_writer` is for deletions.
    """

    producer: Producer
    directory: Directory
    control_view: CompactedView
    sealer: Sealer
    clickhouse: ClickHouse
    clickhouse_writer: ClickHouse
    control: ControlPlane
    audit: AuditLog
    purger: NamespacePurger
    replicas: Replicas
    rate_limiter: RateLimiter
    usage_view: CompactedView
    quota: DailyQuota
    people: People | None = None
    """None where no OpenID issuer is set."""
    now_ms: Callable[[], int] = _now_ms
    """The clock by which the web tells the day: milliseconds since the epoch."""


SETTINGS = web.AppKey("settings", Settings)
PARTS = web.AppKey("parts", Parts)
METRICS = web.AppKey("metrics", Metrics)

REQUEST_ID = web.RequestKey("request_id", str)
PRINCIPAL = web.RequestKey("principal", Principal)
SUBJECT = web.RequestKey("subject", str)
"""The person whose token was believed, also where he is refused then for what he asks."""
PROBLEM = web.RequestKey("problem", Problem)
"""What the request was refused with."""
ENDED_KEY = web.RequestKey("ended_key", ApiKeyRecord)
"""The key that a request was refused with: one that was valid once."""


def namespace_of(request: web.Request) -> str:
    """Return the caller's namespace, which comes from the credential and from nowhere else.

    Raises KeyError outside of endpoints with a scope. The operator belongs to no namespace, but has none of the scopes
    that lead here (contract/control.py ROLE_SCOPES).
    """
    namespace = request[PRINCIPAL].namespace
    if namespace is None:
        raise KeyError("The principal belongs to no namespace.")
    return namespace
