"""Dead letters through the whole hub: what is re-driven is stored once or comes back with its count, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.dead_letter_decisions import DecisionLog
from lineagehub.broker.producer import Producer
from lineagehub.contract.audit import Actor
from lineagehub.contract.dead_letter_decision import Verdict
from lineagehub.contract.headers import ContentKind
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import AUDIT, OTEL_SPANS
from lineagehub.management.redrive import Redrive, Redriver
from lineagehub.settings import ClickHouseSettings, KafkaSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.dead_letters import DeadLetterFilter
from tests.hub.web.telemetry_samples import span, spans_of
from tests.support.dead_letters import Died, bad, good, write_letters
from tests.support.hub import Hub, children_of, clean_environment, run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

LETTERS = 10_000
KILLS = 2
SECONDS = 120
PATH = "/api/v1/namespaces/demo/dead-letters"
AT_NS = 1_795_000_000_000_000_000


def kafka_of(hub: Hub) -> KafkaSettings:
    """Return settings that lead to the hub's broker."""
    return KafkaSettings(brokers=hub.ready["kafka"], idempotent=False)


def secret_key_of(hub: Hub) -> str:
    """Return the hub's secret key."""
    return (hub.data / "secret.key").read_text().strip()


def trace(job: str, name: str) -> Died:
    """Return a record of one span, which nothing but the re-drive keeps from being stored twice."""
    value = spans_of(job, [span(uuid.uuid4().hex, uuid.uuid4().hex[:16], AT_NS, name=name)])
    kind = ContentKind.TRACES.value
    return Died(value, topic=OTEL_SPANS.name, agent="telemetry-store", kind=kind, key=None)


def spans(hub: Hub, job: str) -> Counter[str]:
    """Return how often each span of a job is stored."""
    rows = hub.rows("SELECT SpanName FROM otel_traces WHERE ServiceName = {job:String}", job=job)
    return Counter(row["SpanName"] for row in rows)


def write(hub: Hub, died: list[Died]) -> None:
    """Write letters as the hub's agents do, and wait until they are stored."""
    asyncio.run(write_letters(kafka_of(hub), secret_key_of(hub), died))
    offsets = {one.offset for one in died}
    wait_until(
        lambda: (
            hub.count(
                "SELECT uniqExact(Offset) FROM dead_letters WHERE Offset BETWEEN {first:Int64} AND {last:Int64}",
                first=str(min(offsets)),
                last=str(max(offsets)),
            )
            == len(offsets)
        ),
        SECONDS,
        "the letters to be stored",
    )


def cli(hub: Hub, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    """Run `lineagehub dead-letters` with the owner's key."""
    return run_command("dead-letters", *arguments, LINEAGEHUB_URL=hub.url, LINEAGEHUB_API_KEY=key or hub.api_key)


def letters(hub: Hub, *arguments: str) -> list[dict[str, Any]]:
    """Return what `list` shows."""
    result = cli(hub, "list", "demo", "--json", "--limit", "100000", *arguments)
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["letters"]
    return found


def redrive(hub: Hub, *arguments: str) -> dict[str, Any]:
    """Re-drive and return what is said of it."""
    result = cli(hub, "redrive", "demo", "--yes", "--json", *arguments)
    assert result.stdout, result.stderr
    said: dict[str, Any] = json.loads(result.stdout)
    return said


def stored(hub: Hub, job: str) -> Counter[str]:
    """Return how often each run of a job is stored, before any merge."""
    rows = hub.rows("SELECT RunId FROM lineage_events WHERE JobName = {job:String}", job=job)
    return Counter(row["RunId"] for row in rows)


def usage(hub: Hub) -> Counter[str]:
    """Return what is counted of the namespace's lineage, all days together."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    answer = hub.get("/api/v1/namespaces/demo/usage", **{"from": yesterday.isoformat()})
    assert answer.status == 200, answer.body
    return sum((Counter(day["signals"].get("lineage", {})) for day in answer.json()["days"]), Counter())


def test_of_a_mixed_lot_the_good_are_stored_once_and_the_bad_come_back_three_times(hub: Hub) -> None:
    job = f"job-{uuid.uuid4().hex[:8]}"
    runs = [str(uuid.uuid4()) for _ in range(20)]
    used = usage(hub)
    write(hub, [one for run in runs for one in (good(run, job), bad(job))])
    assert redrive(hub, "--dry-run", "--reason", "store_rejected")["left"] == 40
    done = redrive(hub, "--reason", "store_rejected", "--on-failure", "stop")
    assert (done["redriven"], done["returned"], done["stopped"]) == (40, 20, True)
    assert stored(hub, job) == dict.fromkeys(runs, 1)
    for attempt in (2, 3):
        back = letters(hub, "--reason", "schema_invalid")
        assert Counter(one["attempts"] for one in back) == {attempt: 20}
        assert redrive(hub, "--reason", "schema_invalid", "--on-failure", "stop")["returned"] == 20
    assert Counter(one["attempts"] for one in letters(hub, "--reason", "schema_invalid")) == {4: 20}
    done = redrive(hub, "--reason", "schema_invalid")
    assert (done["redriven"], done["left"], done["exhausted"]) == (0, 0, 20)
    assert stored(hub, job) == dict.fromkeys(runs, 1), "nothing was sent a second time"
    assert cli(hub, "drop", "demo", "--reason", "schema_invalid", "--yes").stdout == "20 dropped.\n"
    wait_until(lambda: not letters(hub, "--reason", "schema_invalid"), SECONDS, "the drop to be seen")
    dropped = letters(hub, "--reason", "schema_invalid", "--state", "dropped")
    assert {one["decision"]["actor"]["role"] for one in dropped} == {"owner"}
    wait_until(lambda: usage(hub)["redriven"] >= used["redriven"] + 20, SECONDS, "the re-driven to be counted")
    assert usage(hub) == used + Counter(redriven=20), "counted when it died, so neither received nor charged again"


def test_what_fails_again_is_dropped_where_that_is_asked_for(hub: Hub) -> None:
    job = f"job-{uuid.uuid4().hex[:8]}"
    run = str(uuid.uuid4())
    write(hub, [good(run, job), bad(job)])
    done = redrive(hub, "--reason", "store_rejected", "--on-failure", "drop")
    assert (done["redriven"], done["returned"], done["dropped"], done["stopped"]) == (2, 1, 1, False)
    assert stored(hub, job) == {run: 1}
    assert letters(hub) == []


def test_records_that_nobody_signed_are_shown_to_the_operator_dropped_and_never_redriven(hub: Hub) -> None:
    died = Died(b"<script>", Reason.UNSIGNED, None)
    write(hub, [died])
    operator = str(hub.ready["operator_key"])
    assert cli(hub, "show", "demo", died.id).returncode == 1, "it is not the claimed namespace's"
    assert cli(hub, "show", "_operator", died.id, "--content", "-", key=operator).stdout == "<script>"
    assert cli(hub, "list", "demo", key=operator).returncode == 1, "nor are a namespace's letters the operator's"
    refused = cli(hub, "redrive", "_operator", "--yes", key=operator)
    assert refused.returncode == 1
    assert "Nobody proved" in refused.stderr
    assert cli(hub, "drop", "_operator", "--id", died.id, "--yes", key=operator).stdout == "1 dropped.\n"


def test_a_redrive_killed_in_the_middle_and_run_again_sends_each_once(hub: Hub) -> None:
    """Telemetry, where nothing but the re-drive prevents doubling; and half of the letters are bad lineage."""
    job = f"job-{uuid.uuid4().hex[:8]}"
    names = [f"span-{job}-{number}" for number in range(LETTERS // 2)]
    write(hub, [*(trace(job, name) for name in names), *(bad(job) for _ in range(LETTERS // 2))])
    command = [
        sys.executable,
        "-m",
        "lineagehub",
        "dead-letters",
        "redrive",
        "demo",
        "--yes",
        "--reason",
        "store_rejected",
    ]
    environment = clean_environment() | {"LINEAGEHUB_URL": hub.url, "LINEAGEHUB_API_KEY": hub.api_key}
    for _ in range(KILLS):
        before, pid = len(spans(hub, job)), web_pid(hub)
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda before=before: len(spans(hub, job)) > before, SECONDS, "spans to be sent")  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        finally:
            running.kill()
            running.wait()
        wait_until(lambda: answers(hub), SECONDS, "the web's next life")
    assert len(spans(hub, job)) < len(names), "it was killed in the middle"
    done = redrive(hub, "--reason", "store_rejected")
    assert (done["left"], done["claimed"]) == (0, 0)
    wait_until(lambda: len(spans(hub, job)) == len(names), SECONDS, "all spans to be stored")
    assert spans(hub, job) == dict.fromkeys(names, 1)
    wait_until(
        lambda: len(letters(hub, "--reason", "schema_invalid")) == LETTERS // 2, SECONDS, "the bad ones to be back"
    )
    assert {one["attempts"] for one in letters(hub, "--reason", "schema_invalid")} == {2}
    assert cli(hub, "drop", "demo", "--yes").returncode == 0


class DeadBeforeTheMark(BaseException):
    """The process is gone, as by kill -9, between the sending and the saying so."""


class DyingLog(DecisionLog):
    """Writes claims only."""

    async def write(
        self, origin: Origin, verdict: Verdict, letters: Sequence[str], run: UUID | None = None, why: str = ""
    ) -> UUID:
        """See DecisionLog."""
        if verdict is Verdict.REDRIVEN:
            raise DeadBeforeTheMark
        return await super().write(origin, verdict, letters, run, why)


@contextlib.asynccontextmanager
async def redriver(hub: Hub) -> AsyncIterator[Redriver]:
    """A re-drive of another process than the hub's."""
    kafka, sealer = kafka_of(hub), Sealer(secret_key_of(hub))
    clickhouse = ClickHouse(ClickHouseSettings(url=str(hub.ready["clickhouse"])))
    async with Producer(kafka) as producer, clickhouse:
        yield Redriver(kafka, clickhouse, producer, sealer, AuditLog(producer, AUDIT.name, sealer))


ORIGIN = Origin("demo", Actor(cli_user="tests"), "1")


def test_what_was_sent_and_not_said_is_found_on_the_topic_and_not_sent_again(hub: Hub) -> None:
    job = f"job-{uuid.uuid4().hex[:8]}"
    names = [f"span-{job}-{number}" for number in range(30)]
    write(hub, [trace(job, name) for name in names])

    async def die_before_the_mark() -> None:
        async with redriver(hub) as dying:
            dying._decisions.__class__ = DyingLog
            with pytest.raises(DeadBeforeTheMark):
                await dying.redrive(ORIGIN, DeadLetterFilter(), 20)

    asyncio.run(die_before_the_mark())
    wait_until(lambda: len(spans(hub, job)) == 20, SECONDS, "what was sent to be stored")
    assert len(letters(hub, "--state", "redriving")) == 20
    assert len(letters(hub)) == 10
    done = redrive(hub, "--topic", OTEL_SPANS.name)
    assert (done["redriven"], done["found"], done["left"], done["claimed"]) == (10, 20, 0, 0)
    wait_until(lambda: len(spans(hub, job)) == len(names), SECONDS, "all to be stored")
    assert spans(hub, job) == dict.fromkeys(names, 1)


def test_of_two_redrives_at_once_each_letter_is_sent_by_one(hub: Hub) -> None:
    job = f"job-{uuid.uuid4().hex[:8]}"
    names = [f"span-{job}-{number}" for number in range(50)]
    write(hub, [trace(job, name) for name in names])

    async def at_once() -> list[Redrive]:
        async with redriver(hub) as one, redriver(hub) as other:
            return await asyncio.gather(*(each.redrive(ORIGIN, DeadLetterFilter(), 50) for each in (one, other)))

    assert sum(done.redriven for done in asyncio.run(at_once())) == len(names)
    wait_until(lambda: len(spans(hub, job)) == len(names), SECONDS, "all to be stored")
    assert redrive(hub)["redriven"] == 0
    assert spans(hub, job) == dict.fromkeys(names, 1)


def web_pid(hub: Hub) -> int:
    """Return the process id of the web."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in children_of(hub.process.pid)}
    (pid,) = [pid for pid, words in commands.items() if b"serve" in words]
    return pid


def answers(hub: Hub) -> bool:
    """Whether the web answers."""
    try:
        return hub.get("/readyz").status == 200
    except OSError:
        return False
