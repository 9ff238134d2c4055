"""The string and number formats of the OpenLineage schemas, as msgspec types. Used by events.py and facets/.

JSON Schema names formats without defining them; each pattern here is its RFC's grammar, so that a verdict never depends on what a
library makes of it. A regular expression is cheap (0.5 us for a URI) and says the same in the OpenAPI document.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

# Python's `$` also matches before a last line break, JSON Schema's does not; `$(?!\n)` means the end to both.
_END = r"$(?!\n)"

_LONG_MONTH = r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = r"(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = r"02-(?:0[1-9]|1[0-9]|2[0-8])"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = rf"(?!0000)(?:[0-9]{{4}}-(?:{_LONG_MONTH}|{_SHORT_MONTH}|{_FEBRUARY})|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_ZONE = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
RFC_3339 = rf"^{_DATE}[Tt]{_TIME}{_ZONE}{_END}"
"""RFC 3339 without its leap second, which neither Python nor ClickHouse can hold, and with at most nine digits of a second."""

UUID = rf"^[0-9A-Fa-f]{{8}}-[0-9A-Fa-f]{{4}}-[0-9A-Fa-f]{{4}}-[0-9A-Fa-f]{{4}}-[0-9A-Fa-f]{{12}}{_END}"


def _run(characters: str) -> str:
    """Any number of these characters and of whole escapes; ten times as fast as an alternation at each character."""
    return rf"[{characters}]*(?:%[0-9A-Fa-f]{{2}}[{characters}]*)*"


_NAME = r"A-Za-z0-9._~!$&'()*+,;=\-"
_USER_INFORMATION = rf"(?:(?=[^/?#@]*@){_run(_NAME + ':')}@)?"
_HOST = rf"(?:\[(?:[0-9A-Fa-f:.]{{2,}}|[Vv][0-9A-Fa-f]+\.[{_NAME}:]+)\]|{_run(_NAME)})"
_PATH = _run(_NAME + ":@/")
_QUERY = _run(_NAME + ":@/?")
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*:"
_AFTER_SCHEME = (
    rf"(?://{_USER_INFORMATION}{_HOST}(?::[0-9]*)?(?:/{_PATH})?|(?!//){_PATH})(?:\?{_QUERY})?(?:#{_QUERY})?{_END}"
)
URI = rf"^{_SCHEME}{_AFTER_SCHEME}"
"""RFC 3986, a URI: absolute, in ASCII, escapes whole. Of an IPv6 address only the alphabet is checked."""

URI_REFERENCE = rf"^(?:{_SCHEME}|(?![^/?#]*:)){_AFTER_SCHEME}"
"""RFC 3986, a URI or a relative one."""

DateTime = Annotated[
    str, Meta(pattern=RFC_3339, description="an RFC 3339 date-time with a zone, such as 2026-01-31T12:00:00.123Z")
]
Uuid = Annotated[str, Meta(pattern=UUID, description="a UUID such as 01941f29-7c00-7087-8940-40e5d549bbd4")]
Uri = Annotated[str, Meta(pattern=URI, description="an absolute URI")]
UriReference = Annotated[str, Meta(pattern=URI_REFERENCE, description="a URI, absolute or relative")]
Number = float
"""A JSON number, however spelled."""

Integer = Annotated[float, Meta(multiple_of=1, description="an integer")]
"""JSON Schema's `integer`: 12.0 is one. As a float, because msgspec's int does not take that spelling."""

PositiveInteger = Annotated[float, Meta(multiple_of=1, ge=1, description="an integer of at least 1")]

LONGEST_REMEMBERED = 512
"""Characters; so that nobody can fill the memory with long ones."""

_match_uri = re.compile(URI).match


def is_uri(text: str) -> bool:
    """Whether the text is a URI, as `Uri` demands. For texts that come again and again: the last 4,096 are remembered."""
    return _remembered(text) if len(text) <= LONGEST_REMEMBERED else _match_uri(text) is not None


@lru_cache(4_096)
def _remembered(text: str) -> bool:
    return _match_uri(text) is not None
