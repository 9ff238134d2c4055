"""`POST /api/v1/namespaces/{name}/dead-letters/redrive` and `/drop`: a lot of at most 1,000 letters a request, audited, uncharged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from lineagehub.contract.dead_letter_decision import MAXIMUM_LETTERS, LetterId
from lineagehub.contract.management import Note
from lineagehub.contract.reasons import Reason
from lineagehub.management.dead_letter_drop import Dropper
from lineagehub.management.readable_letters import LettersBehind
from lineagehub.management.redrive import OnFailure, Redrive, Redriver
from lineagehub.store.queries.dead_letters import DeadLetterFilter
from lineagehub.web.admin.dead_letters import target_lane
from lineagehub.web.admin.documents import read_document
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import management_origin
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, SETTINGS
from lineagehub.web.problems import LETTERS_BEHIND, Refused
from lineagehub.web.queries.telemetry_parameters import Moment, Text


class LettersWanted(BaseModel):
    """Which letters: those that fit everything here, oldest first. Without anything, all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    ids: Annotated[tuple[LetterId, ...], Field(max_length=MAXIMUM_LETTERS, strict=False)] = ()
    reasons: Annotated[tuple[Reason, ...], Field(max_length=len(Reason), strict=False)] = ()
    topic: Text | None = Field(None, description="The topic that the record died on.")
    since: Moment | None = Field(
        None, alias="from", description="The broker took the record at or after this, RFC 3339."
    )
    before: Moment | None = Field(None, alias="to", description="And before this.")
    limit: int = Field(MAXIMUM_LETTERS, ge=1, le=MAXIMUM_LETTERS)
    dry_run: bool = Field(False, description="Only count.")

    def filter(self) -> DeadLetterFilter:
        """Return it as a query of the store."""
        return DeadLetterFilter(self.since, self.before, self.reasons, self.topic, self.ids)


class RedriveRequest(LettersWanted):
    """A lot to re-drive."""

    before: Moment | None = Field(
        default_factory=time.time_ns,
        alias="to",
        description="And before this; by default now, so that what comes back is not sent again by the next request for the rest.",
    )
    on_failure: OnFailure = Field(
        "reinsert",
        description="What fails again comes back as a letter with one attempt more. reinsert: do not wait for that; stop: wait, and say"
        " how many came back; drop: wait, and drop them.",
    )


class DropRequest(LettersWanted):
    """A lot to drop."""

    why: Note = Field("", description="For whoever reads the audit log.")


class UnsentLetter(BaseModel):
    """A letter that Kafka does not take."""

    id: str
    detail: str


class RedriveReceipt(BaseModel):
    """What became of the lot, and what is left of the filter."""

    redriven: int = Field(description="Sent again. What becomes of them shows within seconds.")
    found: int = Field(description="Sent by an earlier re-drive that died before it said so; not sent again.")
    unsent: list[UnsentLetter]
    returned: int | None = Field(description="Failed again; null with reinsert, where nobody waits for it.")
    dropped: int = Field(description="Of those.")
    left: int = Field(description="Letters for a further request.")
    claimed: int = Field(description="Letters that another re-drive has, or had when it died: free again after 20 s.")
    exhausted: int = Field(description="Letters that can only be dropped: re-driven three times, or without a value.")


class DropReceipt(BaseModel):
    """How many letters were dropped; `dry_run`: would have been. A request drops `limit` of them at most."""

    dropped: int
    dry_run: bool


async def redrive_dead_letters(request: web.Request) -> web.Response:
    """Re-drive a lot."""
    lane = target_lane(request)
    asked = await read_document(request, RedriveRequest, default=b"{}")
    parts, kafka = request.app[PARTS], request.app[SETTINGS].kafka
    redriver = Redriver(kafka, parts.clickhouse, parts.producer, parts.sealer, parts.audit)
    with refusing(), _saying_behind():
        if asked.dry_run:
            return model_answer(_receipt(await redriver.look(lane, asked.filter())))
        origin = management_origin(request, lane)
        return model_answer(_receipt(await redriver.redrive(origin, asked.filter(), asked.limit, asked.on_failure)))


async def drop_dead_letters(request: web.Request) -> web.Response:
    """Drop a lot."""
    lane = target_lane(request)
    asked = await read_document(request, DropRequest, default=b"{}")
    parts, kafka = request.app[PARTS], request.app[SETTINGS].kafka
    dropper = Dropper(kafka, parts.clickhouse, parts.producer, parts.sealer, parts.audit)
    with _saying_behind():
        letters = await dropper.find(lane, asked.filter(), asked.limit)
    if not asked.dry_run:
        await dropper.drop(management_origin(request, lane), letters, asked.why)
    return model_answer(DropReceipt(dropped=len(letters), dry_run=asked.dry_run))


def _receipt(done: Redrive) -> RedriveReceipt:
    unsent = [UnsentLetter(id=letter, detail=detail) for letter, detail in done.unsent.items()]
    return RedriveReceipt(**asdict(done) | {"unsent": unsent})


@contextmanager
def _saying_behind() -> Iterator[None]:
    try:
        yield
    except LettersBehind as error:
        raise Refused(LETTERS_BEHIND, str(error), retry_after_seconds=error.retry_after_seconds) from error
