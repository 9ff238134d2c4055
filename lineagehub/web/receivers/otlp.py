"""OTLP/HTTP, the same for every signal: decode, check item by item, split, write, and answer as the specification says.

A protobuf body is parsed only to be checked and goes on untouched; OTLP/JSON becomes protobuf first. Items at fault are
left out and counted in `partial_success`; the request as a whole is refused only when nobody could tell its items
apart. To add a signal: a file that makes one `Signal`, beside otlp_traces.py, and a line in endpoints/send.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from google.protobuf.message import DecodeError, Message

from lineagehub.contract.headers import FLAT, ContentKind
from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason
from lineagehub.contract.topics import Topic
from lineagehub.otlp.outline import Outline, Reading
from lineagehub.web.answers import json_answer
from lineagehub.web.bodies import BODIES, LARGE_BYTES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import decode_json
from lineagehub.web.endpoint import JSON, PROTOBUF
from lineagehub.web.parts import METRICS, SETTINGS, namespace_of
from lineagehub.web.problems import INVALID_JSON, INVALID_PROTOBUF, TOO_DEEP, Refused
from lineagehub.web.rate_limits import charge
from lineagehub.web.receivers.otlp_json import JsonMismatch, MessageEncoder, Misspelt, leave_out_misfits
from lineagehub.web.receivers.otlp_split import split_request
from lineagehub.web.receivers.records import RECORDS, TenantRecord

LARGE_AT_ONCE = 2
"""Large requests that are worked on at a time: the memory that they need is bounded by it."""
RECORD_OVERHEAD_BYTES = 65_536
"""Kept free in each record for key, headers and the batch around it."""
MAXIMUM_JSON_VALUES = 4_000_000
"""Some 60,000 spans; decoded they need half a gigabyte, where protobuf needs 30 MB."""
OVERSIZED = Fault("", "larger than a record may be", Reason.TOO_LARGE)

_FULL_SUCCESS = {PROTOBUF: b"\x0a\x00", JSON: b'{"partialSuccess":{}}'}
"""An Export…ServiceResponse whose partial_success is there and empty, as the Collector answers; the same for every signal."""

LARGE_REQUESTS = web.AppKey("large_requests", asyncio.Semaphore)


@dataclass(frozen=True, slots=True)
class Signal:
    """One OTLP signal.

    `levels`: the repeated fields from request to scope. `items`: the repeated field of the items, as the answer counts them;
    `holders_of` gives the messages of a scope that have it. `fault_of` tells what is wrong with an item, if anything;
    `all_fit` tells of an outline, quickly, whether that is nothing for every item.
    """

    name: str
    topic: Topic
    kind: ContentKind
    request_type: type[Message]
    response_type: type[Message]
    json: MessageEncoder
    levels: tuple[str, str]
    items: str
    fault_of: Callable[[Any], Fault | None]
    outline: Outline
    all_fit: Callable[[Reading], bool]
    holders_of: Callable[[Any], Iterable[Message]] = lambda scope: (scope,)

    @property
    def maximum_record_bytes(self) -> int:
        """The largest value of a record of this signal's topic."""
        return int(self.topic.config["max.message.bytes"]) - RECORD_OVERHEAD_BYTES


@dataclass
class Checked:
    """A request, ready to be written: its records, how many items are in them, and its items at fault, by fault."""

    items: int = 0
    records: list[TenantRecord] = field(default_factory=list)
    faults: Counter[Fault] = field(default_factory=Counter)


async def receive(request: web.Request, signal: Signal) -> web.Response:
    """Take one Export request; 200 once the broker acknowledged all of its records."""
    media_type = require_media_type(request, (PROTOBUF, JSON))
    settings = request.app[SETTINGS].web
    # No bytes at all are an empty request in protobuf, and no document in JSON.
    limits = BodyLimits(settings.otlp_wire_bytes, settings.otlp_bytes, may_be_empty=media_type == PROTOBUF)
    async with request.app[BODIES].read(request, limits) as body:
        if len(body) > LARGE_BYTES:
            async with request.app[LARGE_REQUESTS]:
                checked = await asyncio.to_thread(check, body, media_type, signal)
        else:
            checked = check(body, media_type, signal)
        charge(request, checked.items, len(body))
        outcomes = await request.app[RECORDS].write_all(
            signal.topic, signal.kind, namespace_of(request), checked.records
        )
        for error in filter(None, outcomes):
            raise error
    for fault, count in checked.faults.items():
        request.app[METRICS].rejected_items.labels(signal.name, fault.reason.value).inc(count)
    return _answer(checked.faults, media_type, signal)


def check(body: bytes, media_type: str, signal: Signal) -> Checked:
    """Return what to write of a request body.

    Refuses with 400 or 413. Blocks: about 1 us a span in protobuf, 30 us in JSON.
    """
    checked = Checked()
    if media_type == JSON:
        body = _to_protobuf(body, signal, checked.faults)
    parts = [body] if body else []
    if len(body) > signal.maximum_record_bytes:
        split = split_request(body, signal.maximum_record_bytes)
        parts = split.parts
        if split.oversized:
            checked.faults[OVERSIZED] += split.oversized
    for part in parts:
        reading = _read(part, signal)
        at_fault = checked.faults.total()
        value = part if signal.all_fit(reading) else _without_faults(part, signal, checked.faults)
        if value is not None and reading.items:
            checked.items += reading.items - (checked.faults.total() - at_fault)
            digest = hashlib.sha256(value).digest()
            finding = "" if reading.tree_places() else FLAT
            events = reading.items if value is part else signal.outline.count_items(value)
            checked.records.append(
                TenantRecord(digest[:16].hex(), value, digest=digest, finding=finding, events=events)
            )
    return checked


def _read(part: bytes, signal: Signal) -> Reading:
    try:
        return signal.outline.read(part)
    except DecodeError as error:
        raise Refused(INVALID_PROTOBUF, f"The body is no {signal.request_type.DESCRIPTOR.name}: {error}.") from error


def _to_protobuf(body: bytes, signal: Signal, faults: Counter[Fault]) -> bytes:
    document = decode_json(body, MAXIMUM_JSON_VALUES)
    try:
        try:
            return signal.json.encode(document)
        except Misspelt:
            raise
        except JsonMismatch:
            faults += leave_out_misfits(document, signal.json)
            return signal.json.encode(document)
    except RecursionError as error:
        raise Refused(TOO_DEEP, "The JSON is nested too deeply; protobuf takes 100 levels of messages.") from error
    except JsonMismatch as mismatch:
        where = mismatch.pointer or "The body"
        raise Refused(INVALID_JSON, f"{where} {mismatch}.", [Fault(mismatch.pointer, f"{mismatch}.")]) from mismatch


def _without_faults(part: bytes, signal: Signal, faults: Counter[Fault]) -> bytes | None:
    """Return a request that parses without its items at fault, the very bytes if it has none; None if no item is left.

    Counts the faults.
    """
    message = signal.request_type.FromString(part)
    resources, scopes = signal.levels
    kept = dropped = 0
    for resource in getattr(message, resources):
        for scope in getattr(resource, scopes):
            for holder in signal.holders_of(scope):
                given = getattr(holder, signal.items)
                verdicts = list(map(signal.fault_of, given))
                kept += len(verdicts)
                if any(verdicts):
                    good = [item for item, fault in zip(given, verdicts, strict=True) if fault is None]
                    dropped += len(verdicts) - len(good)
                    faults.update(filter(None, verdicts))
                    _keep_only(holder, signal.items, good)
    if kept == dropped:
        return None
    return message.SerializeToString() if dropped else part


def _keep_only(holder: Message, items: str, good: list[Any]) -> None:
    # Deleting items one by one would be quadratic.
    replacement = type(holder)()
    replacement.CopyFrom(holder)
    replacement.ClearField(items)
    getattr(replacement, items).extend(good)
    holder.CopyFrom(replacement)


def _answer(faults: Counter[Fault], media_type: str, signal: Signal) -> web.Response:
    if not faults:
        return web.Response(body=_FULL_SUCCESS[media_type], headers={"Content-Type": media_type})
    rejected = faults.total()
    reasons = "; ".join(f"{count} with {fault.detail}" for fault, count in faults.most_common(3))
    message = f"Left out, and not worth sending again: {reasons}."
    response: Any = signal.response_type()
    field_name = f"rejected_{signal.items}"
    if media_type == JSON:
        json_name = response.partial_success.DESCRIPTOR.fields_by_name[field_name].json_name
        return json_answer({"partialSuccess": {json_name: str(rejected), "errorMessage": message}})
    setattr(response.partial_success, field_name, rejected)
    response.partial_success.error_message = message
    return web.Response(body=response.SerializeToString(), content_type=PROTOBUF)
