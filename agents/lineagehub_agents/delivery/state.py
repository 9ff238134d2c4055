"""What a Deliverer has done and what keeps it waiting. Written by the Deliverer, read by operations.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lineagehub.contract.reasons import Reason
from lineagehub_agents.delivery.records import Partition, SinkBatch


@dataclass(slots=True)
class DeliveryState:
    """What operations want to know of a deliverer: counts since start, and what fails at present, by partition."""

    delivered: int = 0
    delivered_rows: int = 0
    rendered_values: int = 0
    dead_letters: Counter[Reason] = field(default_factory=Counter)
    faults: dict[Partition, str] = field(default_factory=dict)

    def note_delivered(self, batch: SinkBatch) -> None:
        """Count a batch that the sink has taken."""
        self.delivered += len(batch.records)
        self.delivered_rows += sum(checked.rows for checked in batch.records)
        self.rendered_values += sum(checked.rendered_values for checked in batch.records)

    @property
    def dead_lettered(self) -> int:
        """How many records were dead-lettered, for whatever reason."""
        return self.dead_letters.total()

    @property
    def fault(self) -> str:
        """What fails at present, or an empty text."""
        return next(iter(self.faults.values()), "")
