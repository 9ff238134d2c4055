"""What an answer of Marquez 0.51.1 to an event means (marquez.md, "Answers"). Pure; used by sink.py."""

from __future__ import annotations

from enum import Enum

import orjson

REFUSED_FOR_GOOD = frozenset({400, 413, 422})
PASSING = frozenset({408, 425, 429})


class Verdict(Enum):
    """STORED: Marquez has it. REFUSED: it never will. PASSING: later it may. AMBIGUOUS: the event or the database is at fault.
    NO_MARQUEZ: nothing that Marquez answers to an event, so the URL is wrong.
    """

    STORED = "stored"
    REFUSED = "refused"
    PASSING = "passing"
    AMBIGUOUS = "ambiguous"
    NO_MARQUEZ = "no marquez"


def verdict_on(status: int, text: str) -> Verdict:
    """Return what the answer means. Malformed JSON is a 500 whose body says code 400; any other 500 may mean anything."""
    if status == 201:
        return Verdict.STORED
    if status in REFUSED_FOR_GOOD or (status == 500 and _says_code_400(text)):
        return Verdict.REFUSED
    if status == 500:
        return Verdict.AMBIGUOUS
    return Verdict.PASSING if status > 500 or status in PASSING else Verdict.NO_MARQUEZ


def _says_code_400(text: str) -> bool:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and answer.get("code") == 400
