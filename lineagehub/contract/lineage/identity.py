"""The id of an event that its client did not name: made from its content, so that the same event is the same wherever it comes from.

Used by the web, and by the agents for records that third-party clients write to Kafka.

It is a hash of the canonical form (after RFC 8785): keys in the order of their UTF-8 bytes, no white space, strings with the fewest
escapes, integers in plain digits, every other number as the shortest text that reads back as the same double. So neither spacing, nor
the order of keys, nor escapes, nor 1.0 for 1 make another event. Unlike RFC 8785, integers beyond 2^53 stay apart.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode

# As msgspec writes them: 1.0 and 1e16. Each begins with a literal, which `re` finds several times as fast as a class.
_may_hold_integral_fraction = re.compile(rb"\.0[,\]}]").search
_may_hold_integral_power = re.compile(rb"e[0-9]+[,\]}]").search


def content_id(document: Any) -> str:
    """Return the id of a decoded event: 32 hexadecimal digits of SHA-256 of the canonical form. Pure; 10 us for 3 kB."""
    canonical = _encode(document)
    # A string that looks like such a number costs a second look, no more.
    if _may_hold_integral_fraction(canonical) or _may_hold_integral_power(canonical):
        canonical = _encode(_with_integers(document))
    return hashlib.sha256(canonical).hexdigest()[:32]


def _with_integers(value: Any) -> Any:
    """Return the value with an integer for each double that is one, where JSON decoders give one for the plain digits."""
    if isinstance(value, float):
        return int(value) if -(2**63) <= value < 2**64 and value.is_integer() else value
    if isinstance(value, dict):
        return {name: _with_integers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return value
