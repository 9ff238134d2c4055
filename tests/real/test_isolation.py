"""A tenant beside one that sends fifty times as much, over its limits and partly garbage: two webs, two workers, Apache Kafka.

What is proved are counts and isolation. How fast it all is beside being alone: tests/bench/isolation.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.isolation import Isolation, Tenant, start_isolation
from tests.support.kafka import jars_or_skip

RATE, SECONDS, TIMES = 10.0, 20.0, 50.0


def jobs_shown(isolation: Isolation, tenant: Tenant, count: int) -> set[str]:
    """Return the jobs of all events that a tenant sees, on both webs the same; fail unless there are so many events."""
    shown: list[set[str]] = []
    for url in isolation.urls:
        jobs: set[str] = set()
        for offset in range(0, count + 1, 1_000):
            page = isolation.read(tenant, f"/api/v1/events/lineage?limit=1000&offset={offset}", url)
            assert page["totalCount"] == count
            jobs |= {event["job"]["name"] for event in page["events"]}
        shown.append(jobs)
    assert shown[0] == shown[1]
    return shown[0]


@pytest.mark.slow
def test_a_tenant_beside_a_loud_one_loses_nothing_is_refused_nothing_and_sees_nothing_of_it(tmp_path: Path) -> None:
    jars_or_skip()
    with start_isolation("kafka", tmp_path) as isolation:
        one = isolation.beside("tenant", RATE, SECONDS, TIMES)
        fared, seen, quiet, loud = one.fared, one.seen, one.quiet, one.loud
        assert seen is not None
        assert loud is not None
        assert one.loud_usage is not None

        assert fared.refusals == []
        assert len(fared.accepted_after) == RATE * SECONDS
        assert fared.missing == set()
        assert one.usage["received"] == one.usage["stored"] == RATE * SECONDS
        assert jobs_shown(isolation, quiet, one.usage["stored"]) == fared.accepted_after.keys()
        assert isolation.read(quiet, f"/api/v1/namespaces/{quiet.namespace}/dead-letters")["letters"] == []

        # It was loud: throttled or over quota, refused for garbage, diverted and dead-lettered. And it is served as it should be.
        statuses = seen.statuses
        assert statuses.get("429", 0) + statuses.get("503", 0) > 0
        assert seen.accepted > 0
        assert statuses.keys() <= {"201", "400", "422", "429", "503"}
        assert min(statuses["400"], statuses["422"]) > 0
        usage = one.loud_usage
        assert min(usage["over_quota"], usage["dead_lettered"], usage["stored"]) > 0
        assert usage["received"] == seen.accepted + seen.signed_records, "what nobody signed is nobody's"
        assert usage["received"] == sum(usage[name] for name in ("stored", "duplicate", "dead_lettered", "over_quota"))
        assert all(job.startswith(loud.namespace) for job in jobs_shown(isolation, loud, usage["stored"]))
