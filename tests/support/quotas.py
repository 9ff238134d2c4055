"""Daily quotas for tests that are about something else."""

from __future__ import annotations

from lineagehub.contract.limits import LARGEST
from lineagehub.quota.daily import DailyQuota, DayLimit
from lineagehub.quota.usage_book import UsageBook


def nobody_over_quota() -> DailyQuota:
    """Return a quota that lets in whatever comes."""
    return DailyQuota(UsageBook(), lambda _: DayLimit(LARGEST, LARGEST), lambda: True)
