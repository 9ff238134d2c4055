"""Parameters of the telemetry reads: the page, the window of time, durations, severities. Text from a URL in, plain numbers out."""

from __future__ import annotations

import re
import time
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from lineagehub.contract.lineage import Fault, parse_event_time
from lineagehub.store.queries.paging import Position
from lineagehub.web.queries.cursors import MAXIMUM_LENGTH, Place, read_cursor, write_cursor
from lineagehub.web.queries.parameters import refuse_parameters

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DAY = 86_400 * 10**9
DEFAULT_WINDOW = DAY
MAXIMUM_WINDOW_DAYS = 31
LATEST = 2**63 - 1
"""The last nanosecond of ClickHouse's DateTime64(9): 11 April 2262."""

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9}
_DURATION = re.compile(rf"([0-9]{{1,19}}(?:\.[0-9]{{1,9}})?)({'|'.join(_UNITS)})?")
_SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}


def _nanoseconds(text: Any) -> int:
    try:
        moment = parse_event_time(text)
    except OverflowError as error:
        raise ValueError("lies outside of 1970 to 2262") from error
    # The parser cuts to microseconds; the stored times have nanoseconds.
    fraction = re.search(r"\.([0-9]+)", text)
    nanoseconds = int(moment.replace(microsecond=0).timestamp()) * 10**9
    nanoseconds += int(fraction.group(1).ljust(9, "0")[:9]) if fraction else 0
    if not 0 <= nanoseconds <= LATEST:
        raise ValueError("lies outside of 1970 to 2262")
    return nanoseconds


def _duration(text: Any) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            "is no duration: send a number with ns, us, ms, s, m or h such as 250ms or 1.5s, or whole nanoseconds"
        )
    nanoseconds = Decimal(match.group(1)) * _UNITS[match.group(2) or "ns"]
    if nanoseconds != int(nanoseconds) or nanoseconds > LATEST:
        raise ValueError(
            "must be a whole number of nanoseconds of at most 292 years, such as 250ms, 1.5s, 2m or 250000000"
        )
    return int(nanoseconds)


def _severity(text: Any) -> int:
    match = re.fullmatch(r"([A-Z]+)([1-4])?", text.upper())
    if match and match.group(1) in _SEVERITIES:
        return _SEVERITIES[match.group(1)] + int(match.group(2) or 1) - 1
    if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= 24:
        return int(text)
    raise ValueError(
        "must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL, one of these with 1 to 4 such as WARN2, or 1 to 24"
    )


def _attribute(text: Any) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not key or not colon or len(text) > 1_000:
        raise ValueError("must be key:value of at most 1,000 characters; the key ends at the first colon")
    return key, value


Moment = Annotated[int, BeforeValidator(_nanoseconds), WithJsonSchema({"type": "string", "format": "date-time"})]
Duration = Annotated[int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "examples": ["250ms", "1.5s"]})]
Severity = Annotated[int, BeforeValidator(_severity), WithJsonSchema({"type": "string", "examples": ["WARN", "13"]})]
AttributeFilter = Annotated[tuple[str, str], BeforeValidator(_attribute), WithJsonSchema({"type": "string"})]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$", to_lower=True)]
SpanId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{16}$", to_lower=True)]
RunId = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", to_lower=True
    ),
]


class PageQuery(BaseModel):
    """How many, and from where on."""

    limit: int = Field(100, ge=1, le=1_000, description="A page may be shorter: it ends at 8 MiB.")
    cursor: str | None = Field(
        None,
        max_length=MAXIMUM_LENGTH,
        description="`nextCursor` of the page before, with all other parameters as they were.",
    )


class WindowQuery(PageQuery):
    """A page of what lies in a window of time."""

    since: Moment | None = Field(
        None,
        alias="from",
        description="At or after this, RFC 3339. By default 24 hours before `to`, else before now;"
        " without bound where a run or trace is asked for.",
    )
    before: Moment | None = Field(
        None, alias="to", description=f"Before this. At most {MAXIMUM_WINDOW_DAYS} days after `from`."
    )


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A window in nanoseconds since the epoch (None: no bound), how many, and where to go on: the members of a position."""

    since: int | None
    before: int | None
    limit: int
    place: Place | None

    @property
    def position(self) -> Position | None:
        """The place as a position among rows."""
        return Position(*self.place) if self.place is not None else None

    def cursor(self, request: web.Request, query: PageQuery, after: DataclassInstance | None) -> str | None:
        """Return the cursor that leads on from a position in the same window; None at the end."""
        return None if after is None else write_cursor(request, type(query), [self.since, self.before, *astuple(after)])


def page_request(request: web.Request, query: WindowQuery, bounded: bool) -> PageRequest:
    """Return the window and the place in it; a cursor brings the window of the first page. `bounded` tells whether it needs bounds."""
    place = read_cursor(request, type(query), query.cursor)
    if place is not None:
        since, before, *rest = place
        return PageRequest(since, before, query.limit, rest)
    since, before, now = query.since, query.before, time.time_ns()
    if since is not None and before is not None and since >= before:
        raise refuse_parameters([Fault("/from", "must be before `to`.")])
    if bounded:
        end = now if before is None else before
        since = max(end - DEFAULT_WINDOW, 0) if since is None else since
        if end - since > MAXIMUM_WINDOW_DAYS * DAY:
            fault = f"must be at most {MAXIMUM_WINDOW_DAYS} days before `to`, or before now without it: ask window by window."
            raise refuse_parameters([Fault("/from", fault)])
    return PageRequest(since, before, query.limit, None)
