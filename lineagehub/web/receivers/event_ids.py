"""The id of a lineage event: its client's, or one made from its content. The same event always has the same id, so it is stored once.

The id of a content is made of its canonical form (after RFC 8785): keys in the order of their UTF-8 bytes, no white space, strings with
the fewest escapes, integers in plain digits, every other number as the shortest text that reads back as the same double. So neither
spacing, nor the order of keys, nor escapes, nor 1.0 for 1 make another event. Unlike RFC 8785, integers beyond 2^53 stay apart.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson
from aiohttp import web

from lineagehub.contract.headers import HTTP_IDEMPOTENCY_KEY
from lineagehub.web.problems import INVALID_EVENT_ID, INVALID_IDEMPOTENCY_KEY, Refused

_is_event_id = re.compile(r"[0-9a-f]{32}").fullmatch
_is_idempotency_key = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?").fullmatch

# As orjson writes them: 1.0 and 1e+16. Both begin with a literal, which `re` looks for 10 times as fast as for a class.
_may_hold_integral_fraction = re.compile(rb"\.0[,\]}]").search
_may_hold_integral_power = re.compile(rb"e\+[0-9]+[,\]}]").search


def content_id(document: Any) -> str:
    """Return the id of an event that its client did not name: 32 hexadecimal digits of SHA-256 of the canonical form."""
    canonical = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    # 5 us for 3 kB. A string that looks like such a number costs a second look, no more.
    if _may_hold_integral_fraction(canonical) or _may_hold_integral_power(canonical):
        canonical = orjson.dumps(_with_integers(document), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:32]


def normalise_event_id(text: str) -> str:
    """Return an event id (32 hexadecimal digits, or a UUID, in any case) in its one form, or refuse with 400."""
    event_id = text.strip().replace("-", "").lower()
    if _is_event_id(event_id) is None:
        raise Refused(
            INVALID_EVENT_ID, f"The lineagehub-event-id {text[:60]!r} is neither 32 hexadecimal digits nor a UUID."
        )
    return event_id


def check_idempotency_key(request: web.Request) -> None:
    """Refuse with 400 a key that is none. That is all it is needed for: ids made of contents make every repeat harmless."""
    for key in request.headers.getall(HTTP_IDEMPOTENCY_KEY, []):
        if _is_idempotency_key(key) is None:
            raise Refused(
                INVALID_IDEMPOTENCY_KEY, f"The Idempotency-Key {key[:60]!r} is not 1 to 255 visible characters."
            )


def _with_integers(value: Any) -> Any:
    """Return the value with an integer for each double that is one, where both have a spelling in JSON decoded to 64 bits."""
    if isinstance(value, float):
        return int(value) if -(2**63) <= value < 2**64 and value.is_integer() else value
    if isinstance(value, dict):
        return {name: _with_integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return value
