"""Events out of a file or standard input: one document, a JSON array, or a line each (NDJSON), read as they are needed."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from lineagehub_sdk.cli._failures import Failure, UsageFailure


def read_events(path: str) -> Iterator[dict[str, Any]]:
    """Give the events of a file; "-" is standard input. Raises Failure, which names the line, for what is no event."""
    with _opened(path) as file:
        first = next((line for line in file if line.strip()), "")
        if not first:
            raise Failure(f"{_name(path)} holds no events.")
        try:
            begin = json.loads(first)
        except ValueError:
            # A document over several lines.
            begin = _parse(first + file.read(), path, 1)
        yield from _checked(begin if isinstance(begin, list) else [begin], path)
        for number, line in enumerate(file, 2):
            if line.strip():
                yield from _checked([_parse(line, path, number)], path)


def _checked(events: list[Any], path: str) -> Iterator[dict[str, Any]]:
    for event in events:
        if not isinstance(event, dict):
            raise Failure(f"{_name(path)} holds something that is no event, but a {type(event).__name__}.")
        yield event


def _parse(text: str, path: str, number: int) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"{_name(path)} is no JSON from line {number} on: {error}.") from error


@contextlib.contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    if path == "-":
        if sys.stdin.isatty():
            print("reading from the terminal; Ctrl-D ends it", file=sys.stderr)
        yield sys.stdin
        return
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFailure(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _name(path: str) -> str:
    return "standard input" if path == "-" else path
