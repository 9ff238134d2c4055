"""What a statement is: an insert whose data come apart from it, a read, or something that a server must not run.

Read token by token as ClickHouse's lexer does, so that a word inside a string, a comment or parentheses is not taken for a keyword.
Called by server.py before the engine sees anything. It never checks syntax: that is the engine's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lineagehub.embedded.clickhouse.errors import refusal

_TOKENS = re.compile(
    rb"""
    (?P<skip>--[^\n]*+|//[^\n]*+|\#[!\ ][^\n]*+|/\*.*?\*/|\s++)
    |(?P<quoted>'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+"|`(?:[^`\\]++|\\.|``)*+`|\$(?P<tag>\w*+)\$.*?\$(?P=tag)\$)
    |(?P<word>[A-Za-z_]\w*+)
    |(?P<mark>[();.])
    |(?P<other>[^\sA-Za-z_'"`().;/\#$-]++|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN"})
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
_UNDECODABLE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Insert:
    """An insert whose data come apart: the statement without its FORMAT clause, the format, and the data that stood behind it.

    An empty format means that the statement ends before it says where its rows come from.
    """

    head: bytes
    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, understood as far as an HTTP front needs. `format` is that of its answer, empty if it names none."""

    sql: bytes
    only_reads: bool
    format: str = ""
    insert: Insert | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def keyword(self) -> str:
        """Upper case, if it is a word outside parentheses; else empty."""
        return self.text.decode().upper() if self.kind == "word" and not self.depth else ""


def read_statement(sql: bytes) -> Statement:
    """Return what `sql` is. Raises EngineError for several statements in one, and for those that a server must not run."""
    tokens = _tokens(sql)
    first = next((token for token in tokens if token.text != b"("), None)
    if first is None:
        return Statement(sql, only_reads=True)
    keyword = first.text.decode(errors="replace").upper()
    if keyword == "INSERT":
        insert = _read_insert(sql, tokens)
        if insert is not None:
            return Statement(sql, only_reads=False, insert=insert)
        tokens = _tokens(sql)
    answer_format, inserts = _read_rest(tokens, keyword)
    return Statement(sql, only_reads=keyword in _READS and not inserts, format=answer_format)


def engine_text(sql: bytes) -> str:
    r"""Return a statement or value as the text that chDB takes: it takes no bytes, so a byte that is no UTF-8 becomes `\xNN`."""
    return _UNDECODABLE.sub(lambda match: f"\\x{ord(match.group()) - 0xDC00:02X}", sql.decode(errors="surrogateescape"))


def _tokens(sql: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKENS.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind == "skip":
            continue
        if text == b")":
            depth = max(depth - 1, 0)
        yield _Token(kind, text, match.start(), match.end(), depth)
        if text == b"(":
            depth += 1


def _read_insert(sql: bytes, tokens: Iterator[_Token]) -> Insert | None:
    """Return the insert, or None for one that brings its rows by SELECT. `tokens` stand behind INSERT."""
    named = False
    previous: _Token | None = None
    for token in tokens:
        keyword = token.keyword
        if not named:
            named = token.kind in ("word", "quoted") and keyword not in ("INTO", "TABLE", "FUNCTION")
        elif previous is not None and previous.text == b".":
            pass  # The rest of a name: `db.values`.
        elif previous is not None and previous.keyword == "FORMAT" and token.kind == "word":
            return Insert(sql[: previous.start], token.text.decode(), _after_format(sql, token.end))
        elif keyword == "VALUES":
            return Insert(sql[: token.start], "Values", sql[token.end :])
        elif keyword in ("SELECT", "WITH", "FROM") or (token.text == b"(" and _opens_select(sql, token.end)):
            return None
        previous = token
    return Insert(sql, "", b"")


def _opens_select(sql: bytes, position: int) -> bool:
    inside = next(_tokens(sql[position : position + 1000]), None)
    return inside is not None and inside.keyword in ("SELECT", "WITH")


def _read_rest(tokens: Iterator[_Token], first: str) -> tuple[str, bool]:
    """Return the answer's format, and whether an INSERT stands behind a WITH. `tokens` begin anywhere before the end."""
    answer_format, format_may_end, inserts, ended = "", False, False, False
    previous = first
    for token in tokens:
        if ended and token.text != b";":
            raise refusal(62, "SYNTAX_ERROR", "Multi-statements are not allowed; send one statement a request.")
        ended = token.text == b";"
        keyword = token.keyword
        _refuse(first, previous, keyword)
        inserts |= keyword == "INSERT"
        if previous == "FORMAT" and token.kind == "word" and not token.depth:
            answer_format, format_may_end = token.text.decode(), True
        elif format_may_end:
            answer_format = answer_format if ended or keyword == "SETTINGS" else ""
            format_may_end = False
        previous = keyword
    return answer_format, inserts


def _refuse(first: str, previous: str, keyword: str) -> None:
    if first == previous == "SYSTEM" and keyword in ("SHUTDOWN", "KILL"):
        # The engine would signal its whole process group: our supervisor and its other children with it.
        raise refusal(344, "SUPPORT_IS_DISABLED", f"SYSTEM {keyword} is not supported; send SIGTERM to the process.")
    if previous == "INTO" and keyword == "OUTFILE":
        raise refusal(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed; save the answer instead.")
    if previous == "FROM" and keyword == "INFILE":
        raise refusal(78, "UNKNOWN_TYPE_OF_QUERY", "FROM INFILE is for a client; send the file as the body instead.")


def _after_format(sql: bytes, position: int) -> bytes:
    """Data start behind the first line break, or behind the blanks if there is none (ParserInsertQuery)."""
    match = _BEFORE_DATA.match(sql, position)
    rest = sql[match.end() if match else position :]
    return b"" if rest.strip() == b";" else rest
