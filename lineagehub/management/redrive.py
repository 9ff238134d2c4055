"""Re-drives dead letters: sends records again to the topics that they died on, each once, whatever dies meanwhile. Called by the web.

One call is one lot:

    claim     a decision on Kafka that names the letters; the first claim in the log has them, for CLAIM_SECONDS
    send      each as it was, under its own event id, signed by the hub for its namespace, with an attempt one higher
    mark      a decision that names those that the broker has acknowledged

Killed before `mark`, nobody knows what was sent. The next call does: records carry the letter's id, so it reads the topics' few seconds
after the old claim, and marks what it finds there. That is what keeps telemetry from being stored twice; lineage would be, by its event
id, anyhow. What fails again comes back as another letter, and after MAXIMUM_REDRIVES can only be dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from uuid import uuid4

import orjson

from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.broker.backlog import wait_caught_up
from lineagehub.broker.dead_letter_decisions import DecisionLog
from lineagehub.broker.producer import Header, Producer
from lineagehub.broker.redriven import find_redriven
from lineagehub.contract.audit import Action
from lineagehub.contract.dead_letter import HEADER_LETTER
from lineagehub.contract.dead_letter_decision import CLAIM_SECONDS, MAXIMUM_LETTERS, Verdict
from lineagehub.contract.headers import ContentKind, Envelope, attempt_of
from lineagehub.contract.lineage import content_id
from lineagehub.contract.namespaces import OPERATOR_LANE
from lineagehub.contract.reasons import Reason
from lineagehub.contract.signals import Signal
from lineagehub.contract.topics import DEAD_LETTER_DECISIONS, SIGNALS_OF_TOPICS, TENANT_TOPICS
from lineagehub.errors import LineageHubError, Permanent, Unavailable
from lineagehub.management.audited import audited
from lineagehub.management.readable_letters import (
    AGENT,
    CATCH_UP_SECONDS,
    RETRY_AFTER_SECONDS,
    LettersBehind,
    wait_readable,
)
from lineagehub.management.refusals import NotRedrivable
from lineagehub.settings import KafkaSettings
from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.dead_letters import (
    Claimed,
    Content,
    DeadLetterFilter,
    Letter,
    count_undecided,
    find_claims,
    find_returned,
    find_sendable,
    read_contents,
)

LOT_BYTES = 16 << 20
"""Of one lot, which is in memory; the first letter may be larger."""
CLOCK_MS = 5_000
"""What the clocks of hub and broker may differ by."""

OnFailure = Literal["reinsert", "stop", "drop"]

_KINDS = {
    kind.signal: kind for kind in (ContentKind.OPENLINEAGE, ContentKind.TRACES, ContentKind.METRICS, ContentKind.LOGS)
}


@dataclass(slots=True)
class Redrive:
    """What became of one lot.

    `found`: sent by an earlier re-drive that died before it said so. `unsent`: letters that Kafka does not take, and why. `returned`:
    failed again, unknown with `reinsert`. `left` is what a further call concerns, `claimed` what another re-drive has for some seconds,
    `exhausted` what can only be dropped.
    """

    redriven: int = 0
    found: int = 0
    unsent: dict[str, str] = field(default_factory=dict)
    returned: int | None = None
    dropped: int = 0
    left: int = 0
    claimed: int = 0
    exhausted: int = 0


class Redriver:
    """Re-drives on behalf of somebody. Calls may be concurrent, also in other processes, and may be repeated."""

    def __init__(
        self, kafka: KafkaSettings, clickhouse: ClickHouse, producer: Producer, sealer: Sealer, audit: AuditLog
    ) -> None:
        self._kafka = kafka
        self._clickhouse = clickhouse
        self._producer = producer
        self._signing_key = sealer.hub_signing_key
        self._audit = audit
        self._decisions = DecisionLog(producer, kafka.topic_name(DEAD_LETTER_DECISIONS), sealer)
        self._signals: dict[str, Signal] = {
            name: SIGNALS_OF_TOPICS[topic.name] for topic in TENANT_TOPICS for name in kafka.broker_topics(topic)
        }

    async def look(self, namespace: str, wanted: DeadLetterFilter) -> Redrive:
        """Return what `redrive` would have before it, and send nothing. Raises as it does."""
        _require_proved(namespace)
        await wait_readable(self._kafka, "Nothing was sent.")
        return await self._left(namespace, wanted, Redrive())

    async def redrive(
        self, origin: Origin, wanted: DeadLetterFilter, limit: int, on_failure: OnFailure = "reinsert"
    ) -> Redrive:
        """Re-drive the oldest of the letters that fit, at most `limit` of them and MAXIMUM_LETTERS.

        Raises NotRedrivable for the operator's lane, LettersBehind and Unavailable: what was sent then, the next call finds out.
        """
        namespace = origin.namespace
        _require_proved(namespace)
        await wait_readable(self._kafka, "Nothing was sent.")
        lot = _first_bytes(await find_sendable(self._clickhouse, namespace, wanted, min(limit, MAXIMUM_LETTERS)))
        outcome = Redrive()
        if lot:
            async with audited(
                self._audit, origin, Action.DEAD_LETTERS_REDRIVE, "dead-letters", _described(wanted, lot)
            ) as result:
                sent_ms = time.time_ns() // 1_000_000
                sent = await self._send_claimed(origin, lot, outcome)
                if sent and on_failure != "reinsert":
                    await self._judge(origin, sent, sent_ms, on_failure, outcome)
                result |= {"redriven": outcome.redriven, "found": outcome.found, "unsent": len(outcome.unsent)}
        await wait_readable(self._kafka, f"{outcome.redriven} letters were re-driven.")
        return await self._left(namespace, wanted, outcome)

    async def _left(self, namespace: str, wanted: DeadLetterFilter, outcome: Redrive) -> Redrive:
        counts = await count_undecided(self._clickhouse, namespace, wanted)
        outcome.left, outcome.claimed, outcome.exhausted = counts.sendable, counts.claimed, counts.exhausted
        return outcome

    async def _send_claimed(self, origin: Origin, lot: list[Letter], outcome: Redrive) -> dict[str, Letter]:
        """Claim, send and mark a lot; return what was sent, by event id."""
        run = uuid4()
        begun = time.monotonic()
        await self._decisions.write(origin, Verdict.CLAIMED, [letter.id for letter in lot], run)
        await wait_readable(self._kafka, "Nothing was sent.")
        claims = await find_claims(self._clickhouse, origin.namespace, str(run))
        ours = _won(claims, str(run))
        letters = {letter.id: letter for letter in lot if letter.id in ours}
        earlier = [claim for claim in claims if claim.run != str(run) and claim.letter in letters]
        for letter in await self._mark_sent(origin, letters, earlier, outcome):
            del letters[letter]
        contents = await read_contents(self._clickhouse, origin.namespace, list(letters)) if letters else []
        if time.monotonic() - begun > CLAIM_SECONDS - self._kafka.acknowledge_timeout_seconds - 1:
            raise LettersBehind(AGENT, "Nothing was sent.")
        outcomes = await asyncio.gather(
            *(self._send(origin.namespace, letters[content.letter], content) for content in contents),
            return_exceptions=True,
        )
        sent: dict[str, Letter] = {}
        marked: list[str] = []
        failure: BaseException | None = None
        for content, result in zip(contents, outcomes, strict=True):
            if isinstance(result, str):
                marked.append(content.letter)
                sent[result] = letters[content.letter]
            elif isinstance(result, Permanent):
                outcome.unsent[content.letter] = str(result)
            else:
                failure = failure or result
        if marked:
            await self._decisions.write(origin, Verdict.REDRIVEN, marked, run)
            outcome.redriven = len(marked)
        if isinstance(failure, LineageHubError):
            raise Unavailable("kafka", f"{len(marked)} letters were re-driven, then: {failure}", RETRY_AFTER_SECONDS)
        if failure is not None:
            raise failure
        return sent

    async def _mark_sent(
        self, origin: Origin, letters: Mapping[str, Letter], earlier: Sequence[Claimed], outcome: Redrive
    ) -> set[str]:
        """Mark, and return, what re-drives that are dead by now had claimed and sent: it stands on its topic, soon after the claim."""
        by_moment: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for claim in earlier:
            by_moment[claim.at_ms][letters[claim.letter].topic].append(claim.letter)
        found: set[str] = set()
        for moment, by_topic in by_moment.items():
            until = moment + CLAIM_SECONDS * 1000 + CLOCK_MS
            found |= await find_redriven(self._kafka, self._signing_key, by_topic, moment - CLOCK_MS, until)
        if found:
            await self._decisions.write(origin, Verdict.REDRIVEN, sorted(found), why="sent by a re-drive that died")
            outcome.found = len(found)
        return found

    async def _send(self, namespace: str, letter: Letter, content: Content) -> str:
        """Send one letter again; return its event id."""
        signal = self._signals.get(letter.topic)
        if signal is None:
            raise Permanent(Reason.BAD_ENVELOPE, f"The topic {letter.topic} is none of the tenants' topics any more.")
        event_id = letter.event_id or _event_id(letter, signal, content.value)
        kind = attempt_of(_KINDS[signal], letter.attempt + 1)
        envelope = Envelope(namespace, HUB_KEY_ID, event_id, time.time_ns() // 1_000_000, kind)
        headers: list[Header] = envelope.to_headers(self._signing_key, letter.topic, content.value)
        headers.append((HEADER_LETTER, letter.id.encode()))
        await self._producer.send(letter.topic, content.value, content.key, headers)
        return event_id

    async def _judge(
        self, origin: Origin, sent: Mapping[str, Letter], sent_ms: int, on_failure: OnFailure, outcome: Redrive
    ) -> None:
        """Wait until what was sent is delivered or dead again; count what came back, and drop it if that is asked for."""
        topics: dict[str, set[str]] = defaultdict(set)
        for letter in sent.values():
            topics[letter.agent].add(letter.topic)
        for agent, names in topics.items():
            if not await wait_caught_up(self._kafka, agent, sorted(names), CATCH_UP_SECONDS):
                raise LettersBehind(
                    agent, f"{outcome.redriven} letters were re-driven; what came of them is not known yet."
                )
        await wait_readable(
            self._kafka, f"{outcome.redriven} letters were re-driven; what came of them is not known yet."
        )
        returned = await find_returned(self._clickhouse, origin.namespace, list(sent), sent_ms - CLOCK_MS)
        outcome.returned = len(returned)
        if returned and on_failure == "drop":
            await self._decisions.write(origin, Verdict.DROPPED, returned, why="failed again, to be dropped then")
            outcome.dropped = len(returned)


def _require_proved(namespace: str) -> None:
    if namespace == OPERATOR_LANE:
        raise NotRedrivable("Nobody proved who wrote these records: they can be looked at and dropped, not re-driven.")


def _won(claims: Sequence[Claimed], run: str) -> set[str]:
    """Return the letters of which a run's claim counts: nobody claimed them before it, within the time of a claim."""
    own = {claim.letter: claim for claim in claims if claim.run == run}
    lost = {
        claim.letter
        for claim in claims
        if claim.run != run
        and (claim.at_ms, claim.offset) < (own[claim.letter].at_ms, own[claim.letter].offset)
        and own[claim.letter].at_ms - claim.at_ms < CLAIM_SECONDS * 1000
    }
    return set(own) - lost


def _first_bytes(letters: Sequence[Letter]) -> list[Letter]:
    lot: list[Letter] = []
    size = 0
    for letter in letters:
        size += letter.size
        if lot and size > LOT_BYTES:
            break
        lot.append(letter)
    return lot


def _event_id(letter: Letter, signal: Signal, value: bytes) -> str:
    """Return the id of what named none: an event's is its content's, as the agent's is; of what is no event, its place names it."""
    if signal is Signal.LINEAGE:
        try:
            return content_id(orjson.loads(value))
        except ValueError:
            pass
    return sha256(letter.id.encode()).hexdigest()[:32]


def _described(wanted: DeadLetterFilter, lot: Sequence[Letter]) -> dict[str, str | int]:
    return {
        "letters": len(lot),
        "first": lot[0].id,
        "last": lot[-1].id,
        **({"reasons": " ".join(reason.value for reason in wanted.reasons)} if wanted.reasons else {}),
        **({"topic": wanted.topic} if wanted.topic else {}),
    }
