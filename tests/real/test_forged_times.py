"""Forged times (bad input G04) on Apache Kafka: the broker writes its own over them, so usage is today's whatever a producer says.

The embedded broker keeps what it is told: there such a record contradicts its signed time, and is a dead letter (H04).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.support.attacks import event
from tests.support.charging import ChargedTenant, counts
from tests.support.hub import Hub

DAY_MS = 86_400_000


@pytest.mark.parametrize("days", [None, -1, 1, 3_650], ids=["1970", "yesterday", "tomorrow", "in ten years"])
def test_an_event_under_a_forged_time_counts_today(hub: Hub, days: int | None) -> None:
    tenant, first_day = ChargedTenant.on(hub), datetime.now(UTC).date()
    forged_ms = 1 if days is None else time.time_ns() // 1_000_000 + days * DAY_MS
    tenant.produce([tenant.signed(event(f"forged-{number}")) for number in range(5)], timestamp_ms=forged_ms)
    assert tenant.usage(5) == counts(stored=5)
    assert set(tenant.usage_by_day()) <= {first_day, datetime.now(UTC).date()}
