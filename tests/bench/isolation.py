"""isolation: how a tenant fares by itself, and beside one that sends fifty times as much, over its limits and partly garbage.

Two webs, two workers with the storing agents and the quota agent, one broker, one ClickHouse. The quiet tenant sends single events
steadily to both webs (quiet_tenant.py), the loud one over HTTP and straight to Kafka (loud_tenant.py). Rounds take turns, each with
namespaces of its own, so with a day's quota of its own. In every round all that the quiet tenant sent must be taken, stored and counted,
and the loud one must have been throttled, refused, diverted and dead-lettered: else it was not loud.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lineagehub.contract.limits import Limits
from tests.bench.loud_tenant import Orders, Seen, loud_tenant
from tests.bench.processes import cpu_seconds, run_lineagehub, start_lineagehub
from tests.bench.quiet_tenant import Fared, QuietTenant
from tests.bench.results import Measurement
from tests.bench.stack import Stack, start_stack
from tests.support.clickhouse import start_embedded_clickhouse
from tests.support.limits import write_limits
from tests.support.waiting import wait_until

WEBS = WORKERS = 2
AGENTS = ("lineage-store", "dead-letters", "quota")
WARM_UP_SECONDS = 5.0
AHEAD_SECONDS = 2.0
KNOWN_SECONDS = 30
COUNTED_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how long. The loud tenant sends `times` as much."""

    broker: str = "kafka"
    rounds: int = 3
    seconds: float = 60.0
    rate: float = 10.0
    times: float = 50.0


@dataclass(frozen=True, slots=True)
class Tenant:
    """A namespace and its owner's key."""

    namespace: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Round:
    """What one round showed. Without a loud tenant its parts are None."""

    quiet: Tenant
    fared: Fared
    usage: dict[str, int]
    loud: Tenant | None = None
    seen: Seen | None = None
    loud_usage: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Isolation:
    """Two webs and two workers that run, and tenants to make."""

    stack: Stack
    urls: list[str]
    clickhouse_url: str
    pids: dict[str, list[int]]

    def tenant(self, name: str, limits: Limits | None = None) -> Tenant:
        """Make a namespace, and wait until both webs know its key and its limits."""
        made = run_lineagehub(self.stack.environment, "bootstrap", "--namespace", name, "--json")
        tenant = Tenant(name, made["api_key"])
        if limits is not None:
            asyncio.run(write_limits(self.stack.kafka, self.stack.secret_key, name, limits))
        wanted = limits.events_per_day if limits is not None else None

        def is_known() -> bool:
            answers = [self.read(tenant, f"/api/v1/namespaces/{name}/limits", url) for url in self.urls]
            in_force = [answer["limits"]["events_per_day"]["value"] for answer in answers if answer]
            return len(in_force) == WEBS and (wanted is None or set(in_force) == {wanted})

        wait_until(is_known, KNOWN_SECONDS, f"{name} to be known")
        return tenant

    def read(self, tenant: Tenant, path: str, url: str = "") -> Any:
        """Return what a tenant reads, or None while it may not."""
        request = urllib.request.Request(
            (url or self.urls[0]) + path, headers={"Authorization": f"Bearer {tenant.api_key}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            if error.code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE):
                raise
            return None

    def usage(self, tenant: Tenant, received: int) -> dict[str, int]:
        """Return the counts of all days once so many events were received, in all rounds of this namespace."""
        since = (datetime.now(UTC) - timedelta(days=1)).date()

        def counts() -> dict[str, int]:
            report = self.read(tenant, f"/api/v1/namespaces/{tenant.namespace}/usage?from={since}")
            days = [day["total"] for day in report["days"]] if report else []
            return {name: sum(day[name] for day in days) for name in (days[0] if days else ())}

        wait_until(
            lambda: counts().get("received", 0) >= received, COUNTED_SECONDS, f"{tenant.namespace} to have {received}"
        )
        return counts()

    def complaints(self) -> str:
        """Return the last of what the webs warned of, for who has to find out why something was refused."""
        logs = [path.read_text().splitlines() for path in sorted(self.stack.directory.glob("web-*.log"))]
        lines = [line for log in logs for line in log if '"level": "warning"' in line and '"Answered."' not in line]
        return "\n".join(lines[-5:])

    def alone(self, name: str, rate: float, seconds: float) -> Round:
        """Let a quiet tenant of this name send by itself."""
        quiet = self.tenant(f"quiet-{name}")
        fared = self._send(quiet, rate, seconds)
        return Round(quiet, fared, self.usage(quiet, len(fared.accepted_after)))

    def beside(self, name: str, rate: float, seconds: float, times: float) -> Round:
        """Let a quiet tenant of this name send beside a loud one."""
        loud_rate = rate * times
        limits = Limits(
            # A twentieth of what comes: over its limits also where the machine is too busy for it to send as much as it would.
            events_per_day=round(loud_rate * seconds / 20),
            requests_per_second=round(loud_rate / 25),
            burst=round(loud_rate / 10),
        )
        quiet, loud = self.tenant(f"quiet-{name}"), self.tenant(f"loud-{name}", limits)
        with loud_tenant(Orders(self.urls, self.stack.kafka.brokers, loud.namespace, loud.api_key, loud_rate)) as seen:
            time.sleep(AHEAD_SECONDS)
            fared = self._send(quiet, rate, seconds)
        usage = self.usage(quiet, len(fared.accepted_after))
        return Round(quiet, fared, usage, loud, seen, self.usage(loud, seen.accepted + seen.signed_records))

    def _send(self, quiet: Tenant, rate: float, seconds: float) -> Fared:
        tenant = QuietTenant(self.urls, self.clickhouse_url, quiet.namespace, quiet.api_key)
        return asyncio.run(tenant.send(rate, seconds))


@contextlib.contextmanager
def start_isolation(broker: str, directory: Path) -> Iterator[Isolation]:
    """Start it all, and let it work a little, so that nothing measured is done for the first time."""
    with (
        start_stack(broker, directory) as stack,
        start_embedded_clickhouse(directory / "clickhouse") as clickhouse,
        ExitStack() as running,
    ):
        environment = stack.environment | {"LINEAGEHUB_CLICKHOUSE_URL": clickhouse.url}
        run_lineagehub(environment, "migrate", "--json")
        webs, workers = (
            [
                running.enter_context(start_lineagehub(environment, directory / f"{kind}-{number}.log", *arguments))
                for number in range(count)
            ]
            for kind, count, arguments in (
                ("web", WEBS, ("serve", "--json")),
                ("worker", WORKERS, ("agent", *AGENTS, "--json")),
            )
        )
        pids = {
            "webs": [process.pid for process, _ in webs],
            "workers": [process.pid for process, _ in workers],
            "clickhouse": [clickhouse.pid],
        }
        isolation = Isolation(stack, [ready["url"] for _, ready in webs], clickhouse.url, pids)
        isolation.alone("warm-up", 10.0, WARM_UP_SECONDS)
        yield isolation


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds: by itself and beside the loud one in turn, so that a noisy minute of the machine falls on both."""
    with start_isolation(parameters.broker, directory) as isolation:
        measurements = []
        for number in range(parameters.rounds):
            before = _cpu(isolation)
            alone = isolation.alone(f"alone-{number}", parameters.rate, parameters.seconds)
            measurements.append(_measurement("by itself", alone, before, isolation))
            before = _cpu(isolation)
            beside = isolation.beside(f"beside-{number}", parameters.rate, parameters.seconds, parameters.times)
            measurements.append(_measurement("beside the loud one", beside, before, isolation))
        return measurements


def _measurement(case: str, one: Round, before: dict[str, float], isolation: Isolation) -> Measurement:
    fared, seen, after = one.fared, one.seen, _cpu(isolation)
    assert not fared.refusals, f"{len(fared.refusals)} were refused: {fared.refusals[0]}\n{isolation.complaints()}"
    assert not fared.missing, f"{len(fared.missing)} were accepted and are not stored"
    assert one.usage["stored"] == one.usage["received"] == len(fared.accepted_after), one.usage
    accepted, queryable = sorted(fared.accepted_after.values()), sorted(fared.queryable_after.values())
    values = {
        "accept_p50_ms": _quantile(accepted, 0.5) * 1000,
        "accept_p99_ms": _quantile(accepted, 0.99) * 1000,
        "queryable_p50_ms": _quantile(queryable, 0.5) * 1000,
        "queryable_p99_ms": _quantile(queryable, 0.99) * 1000,
        **{f"{part}_cpu_seconds": after[part] - before[part] for part in after},
        "loud_offered_a_second": seen.offered_a_second if seen is not None else 0.0,
    }
    return Measurement(case, len(accepted), values)


def _cpu(isolation: Isolation) -> dict[str, float]:
    return {part: sum(map(cpu_seconds, pids)) for part, pids in isolation.pids.items()}


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
