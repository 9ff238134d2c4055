"""Judges the records of a batch: which go to the sink, which are dead letters, which are over quota. Called by the Deliverer; no I/O.

What was decided about a batch that is delivered again stands, whatever would be decided now: its token names what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from lineagehub.contract.reasons import Reason
from lineagehub_agents.delivery.checked_batch import LeftOut
from lineagehub_agents.delivery.dead_letters import attempt_of
from lineagehub_agents.delivery.metering import Diverts
from lineagehub_agents.delivery.ranges import BatchRange
from lineagehub_agents.delivery.records import CheckedRecord, Processor, Record, Rejected

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Judged:
    """`rejected` are to be dead-lettered now; `excluded` and `diverted` are offsets.

    `left_out`: what of proved writers is not `checked`, and to be counted.
    """

    checked: list[CheckedRecord] = field(default_factory=list)
    rejected: list[tuple[Record, Rejected]] = field(default_factory=list)
    excluded: set[int] = field(default_factory=set)
    diverted: set[int] = field(default_factory=set)
    left_out: list[LeftOut] = field(default_factory=list)


def judge(records: Iterable[Record], processor: Processor, decided: BatchRange, diverts: Diverts | None) -> Judged:
    """Return the verdicts. `diverts` tells of each record, in order, whether it is over quota; None where nothing is diverted now.

    A re-driven record that dies again is not left out once more: it was counted when it died first.
    """
    judged = Judged(excluded=set(decided.excluded), diverted=set(decided.diverted))
    for record in records:
        verdict = _verdict(processor, record)
        if isinstance(verdict, Rejected):
            if record.offset not in decided.excluded:
                judged.rejected.append((record, verdict))
                judged.excluded.add(record.offset)
            if verdict.namespace and attempt_of(record) == 1:
                judged.left_out.append(LeftOut(record, verdict.namespace))
        elif record.offset in judged.diverted or (diverts and diverts(verdict)):
            judged.diverted.add(record.offset)
            judged.left_out.append(LeftOut(record, verdict.envelope.namespace, verdict.rows))
        elif record.offset not in decided.excluded:
            judged.checked.append(verdict)
    return judged


def _verdict(processor: Processor, record: Record) -> CheckedRecord | Rejected:
    try:
        return processor.check(record)
    except Rejected as rejection:
        return rejection
    except Exception as error:
        # A fault of ours, but of this record too: stopping would stop every tenant of the partition for ever.
        log.exception("A processor failed.", partition=str(record.partition), offset=record.offset)
        return Rejected(Reason.INTERNAL_ERROR, f"The hub failed to check it: {error!r}.")
