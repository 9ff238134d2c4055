"""What a tenant may send, as retention, quotas and usage tell it apart."""

from __future__ import annotations

from enum import StrEnum


class Signal(StrEnum):
    """One kind of data."""

    LINEAGE = "lineage"
    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"
