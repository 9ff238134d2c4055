"""Is a statement an insert whose data come apart from it, and in which format? Decided as ClickHouse's parser would."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKENS = re.compile(
    r"""
    (?P<skip>--[^\n]*|/\*.*?\*/|\s+)
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"})


@dataclass(frozen=True, slots=True)
class Insert:
    """An insert: the statement without its FORMAT clause, the format, and the data that stood behind it."""

    head: str
    format: str
    data: str


def first_word(statement: str) -> str:
    """Return the first keyword, upper case; empty for an empty statement."""
    for match in _TOKENS.finditer(statement):
        if match.lastgroup == "word":
            return match.group().upper()
        if match.lastgroup != "skip" and match.group() != "(":
            return ""
    return ""


def is_read(statement: str) -> bool:
    """Whether the statement only reads: what `readonly=1` lets through."""
    return first_word(statement) in _READS


def parse_insert(statement: str) -> Insert | None:
    """Return the insert that `statement` is, or None: no insert, or one that brings its rows by SELECT."""
    if first_word(statement) != "INSERT":
        return None
    depth = format_start = 0
    previous = ""
    for match in _TOKENS.finditer(statement):
        text = match.group()
        if match.lastgroup == "other":
            depth += (text == "(") - (text == ")")
        if match.lastgroup != "word" or depth:
            if match.lastgroup != "skip":
                previous = ""
            continue
        word = text.upper()
        if previous == "FORMAT":
            return Insert(statement[:format_start], text, _after_format(statement[match.end() :]))
        if word == "FORMAT":
            format_start = match.start()
        elif word == "VALUES":
            return Insert(statement[: match.start()], "Values", statement[match.end() :])
        elif word in ("SELECT", "WITH"):
            return None
        previous = word
    return Insert(statement, "Values", "")


def output_format(statement: str, default: str) -> str:
    """Return the format in which the answer comes: that of the FORMAT clause at the end, else `default`."""
    match = re.search(r"\bFORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*;?\s*$", statement, re.IGNORECASE)
    return match.group(1) if match else default


def _after_format(rest: str) -> str:
    return rest[1:] if rest[:1] in ("\n", " ", ";") else rest
