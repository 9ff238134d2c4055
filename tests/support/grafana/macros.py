"""Expands the SQL of a panel in the plugin's order: `$__conditionalAll`, Grafana's variables, then the macros of its backend.

As of grafana-clickhouse-datasource 4.20: src/data/CHDatasource.ts (applyConditionalAll, replace, format) and pkg/macros/macros.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

ALL = "$__all"
_CONDITIONAL = "$__conditionalAll("
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(?!__)(\w+)")
_MACRO = re.compile(r"\$__(\w+)")


@dataclass(frozen=True)
class Variable:
    """A dashboard's variable: what is chosen (`ALL`, one value, or several) and what could be."""

    chosen: str | list[str]
    options: list[str]

    @property
    def chooses_all(self) -> bool:
        """Whether the plugin drops a condition on it."""
        return self.chosen in ("", ALL, [ALL])

    @property
    def value(self) -> str | list[str]:
        """What Grafana writes: every option in the place of "All"."""
        return self.options if self.chosen in (ALL, [ALL]) else self.chosen


@dataclass(frozen=True)
class TimeRange:
    """The range of the dashboard, and the interval that Grafana derives from it and the panel's width."""

    start: datetime
    end: datetime
    interval_seconds: int


def expand(sql: str, variables: Mapping[str, Variable], time_range: TimeRange) -> str:
    """Return the SQL that ClickHouse gets. Raises LookupError for a variable or macro that is not known."""
    return _with_macros(_with_variables(_with_conditions(sql, variables), variables), time_range)


def _with_conditions(sql: str, variables: Mapping[str, Variable]) -> str:
    while (start := sql.rfind(_CONDITIONAL)) >= 0:
        arguments, end = _arguments(sql, start + len(_CONDITIONAL) - 1)
        condition, name = arguments
        named = re.search(r"\w+", name)
        assert named is not None, name
        sql = sql[:start] + ("1=1" if variables[named.group()].chooses_all else condition) + sql[end:]
    return sql


def _with_variables(sql: str, variables: Mapping[str, Variable]) -> str:
    def replaced(match: re.Match[str]) -> str:
        value = variables[match.group(1) or match.group(3)].value
        if match.group(2) is None:
            return "'" + "','".join(value) + "'" if isinstance(value, list) else value
        if match.group(2) != "singlequote":
            raise LookupError(f"The format {match.group(2)} is not written here yet.")
        quoted = ["'" + item.replace("'", "\\'") + "'" for item in (value if isinstance(value, list) else [value])]
        return ",".join(quoted)

    return _VARIABLE.sub(replaced, sql)


def _with_macros(sql: str, time_range: TimeRange) -> str:
    position = 0
    while (match := _MACRO.search(sql, position)) is not None:
        arguments, end = (
            _arguments(sql, match.end()) if sql[match.end() : match.end() + 1] == "(" else ([], match.end())
        )
        text = _MACROS[match.group(1)](time_range, *arguments)
        sql = sql[: match.start()] + text + sql[end:]
        position = match.start() + len(text)
    return sql


def _arguments(sql: str, opening: int) -> tuple[list[str], int]:
    """Return what stands between the parenthesis at `opening` and its partner, split at commas, and where it ends."""
    depth, start, found = 0, opening + 1, []
    for position in range(opening, len(sql)):
        character = sql[position]
        depth += (character == "(") - (character == ")")
        if depth == 0 or (depth == 1 and character == ","):
            found.append(sql[start:position].strip())
            start = position + 1
        if depth == 0:
            return found, start
    raise LookupError(f"A parenthesis is not closed: {sql[opening:]}")


def _date_time(moment: datetime) -> str:
    return f"toDateTime({int(moment.timestamp())})"


def _date_time_64(moment: datetime) -> str:
    return f"fromUnixTimestamp64Milli({int(moment.timestamp() * 1000)})"


def _date(moment: datetime) -> str:
    return f"toDate('{moment.astimezone(UTC):%Y-%m-%d}')"


def _between(literal: Callable[[datetime], str]) -> Callable[..., str]:
    return lambda range_, column: f"{column} >= {literal(range_.start)} AND {column} <= {literal(range_.end)}"


_MACROS: dict[str, Callable[..., str]] = {
    "timeFilter": _between(_date_time),
    "timeFilter_ms": _between(_date_time_64),
    "dateFilter": _between(_date),
    "fromTime": lambda range_: _date_time(range_.start),
    "toTime": lambda range_: _date_time(range_.end),
    "fromTime_ms": lambda range_: _date_time_64(range_.start),
    "toTime_ms": lambda range_: _date_time_64(range_.end),
    "interval_s": lambda range_: str(range_.interval_seconds),
    "timeInterval": lambda range_, column: (
        f"toStartOfInterval(toDateTime({column}), INTERVAL {range_.interval_seconds} second)"
    ),
    "timeInterval_ms": lambda range_, column: (
        f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {range_.interval_seconds * 1000} millisecond)"
    ),
}
