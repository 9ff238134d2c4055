"""verification: what an agent's CPU pays to prove who wrote a record, and an SDK's to sign it, by either algorithm.

In this process, without a broker: reading the headers, the signature, and the checks of security.md section 3, as the Verifier does them
for each record. CPU time of the process, not wall-clock time, so that a busy machine disturbs it less. Every record is a different one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lineagehub_agents.delivery.records import Partition, Record
from lineagehub_agents.processors.verification import Verifier

from lineagehub.contract.control import SignatureAlgorithm
from lineagehub.contract.headers import ContentKind, Envelope
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.settings import KafkaSettings
from tests.bench.results import Measurement
from tests.support.signing import Tenancy, Writer

SIZES = (2_048, 65_536)
TOPIC = OPENLINEAGE_EVENTS.name
KIND = ContentKind.OPENLINEAGE


@dataclass(frozen=True, slots=True)
class Parameters:
    """How much and how often. `sizes` are bytes of a value."""

    broker: str = "in-process"
    sizes: tuple[int, ...] = SIZES
    rounds: int = 7
    records: int = 1_000


def measure(parameters: Parameters, directory: Path) -> list[Measurement]:
    """Run the rounds, cases interleaved."""
    tenancy = Tenancy()
    verifier = Verifier(tenancy.directory, KafkaSettings())
    writers = {algorithm: tenancy.tenant(algorithm=algorithm)[0] for algorithm in SignatureAlgorithm}
    return [
        _round(verifier, writers[algorithm], f"{algorithm.value}, {size} B", size, parameters.records)
        for _ in range(parameters.rounds)
        for size in parameters.sizes
        for algorithm in SignatureAlgorithm
    ]


def _round(verifier: Verifier, writer: Writer, case: str, size: int, count: int) -> Measurement:
    values = [os.urandom(size) for _ in range(count)]
    now = time.time_ns() // 1_000_000
    headers: list[list[tuple[str, bytes]]] = []

    def sign() -> None:
        headers.extend(writer.headers(TOPIC, value, KIND, f"{n:032x}", now) for n, value in enumerate(values))

    signing = _cpu_milliseconds(sign)
    records = [
        Record(Partition(TOPIC, 0), offset, now, None, value, tuple(headers[offset]))
        for offset, value in enumerate(values)
    ]
    proved: list[Envelope] = []

    def verify() -> None:
        proved.extend(verifier.verify(record, KIND) for record in records)

    verifying = _cpu_milliseconds(verify)
    assert [envelope.event_id for envelope in proved] == [f"{n:032x}" for n in range(count)]
    return Measurement(
        case,
        count,
        {
            "verify_cpu_ms_per_thousand": verifying / count * 1_000,
            "sign_cpu_ms_per_thousand": signing / count * 1_000,
            "verified_per_cpu_second": count / verifying * 1_000,
        },
    )


def _cpu_milliseconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1_000
