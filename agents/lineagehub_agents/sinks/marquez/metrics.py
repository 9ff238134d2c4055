"""What /metrics shows of the Marquez forwarder beside what it shows of every agent. Filled by sink.py, read by operations.py.

Labels are closed vocabularies: kinds of repair, reasons. Never a namespace.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lineagehub.contract.reasons import Reason
from lineagehub_agents.sinks.marquez.repairs import Repair


@dataclass(slots=True)
class ForwarderMetrics:
    """Counts since start. `oldest_unsent_ms` is the broker time of the oldest event in hand that is not sent; None: there is none."""

    attempts: int = 0
    forwarded: int = 0
    repeated: int = 0
    found_there: int = 0
    lanes_busy: int = 0
    unsent: int = 0
    oldest_unsent_ms: int | None = None
    repaired: Counter[Repair] = field(default_factory=Counter)
    refused: Counter[Reason] = field(default_factory=Counter)

    @property
    def seconds_behind(self) -> float:
        """Age of the oldest event that is read and not sent, by the broker's clock; 0 if all are sent."""
        return max(0.0, time.time() - self.oldest_unsent_ms / 1000) if self.oldest_unsent_ms is not None else 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as Prometheus' client wants it of a collector."""
        prefix = "lineagehub_marquez"
        yield CounterMetricFamily(f"{prefix}_attempts", "Posts to Marquez begun.", self.attempts)
        yield CounterMetricFamily(f"{prefix}_forwarded_events", "Events that Marquez took.", self.forwarded)
        yield CounterMetricFamily(f"{prefix}_repeated_events", "Repeats that were not sent again.", self.repeated)
        yield CounterMetricFamily(
            f"{prefix}_found_events",
            "Events found in Marquez after an attempt whose outcome was not known.",
            self.found_there,
        )
        yield GaugeMetricFamily(f"{prefix}_lanes_busy", "Events that are being sent.", self.lanes_busy)
        yield GaugeMetricFamily(f"{prefix}_unsent_events", "Events read from Kafka and not yet sent.", self.unsent)
        yield GaugeMetricFamily(
            f"{prefix}_behind_seconds", "Age of the oldest event read from Kafka and not yet sent.", self.seconds_behind
        )
        repaired = CounterMetricFamily(f"{prefix}_repairs", "What was mended in events.", labels=["kind"])
        for kind in Repair:
            repaired.add_metric([kind.value], self.repaired[kind])
        refused = CounterMetricFamily(f"{prefix}_refused_events", "Events dead-lettered.", labels=["reason"])
        for reason in (Reason.MARQUEZ_UNFIT, Reason.MARQUEZ_REJECTED, Reason.RETRIES_EXHAUSTED):
            refused.add_metric([reason.value], self.refused[reason])
        yield from (repaired, refused)
