"""What reads a command's words: argparse, with the options of all commands, and our own words for what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, NoReturn

from lineagehub_sdk.cli._failures import UsageFailure


class CommandParser:
    """The arguments of one command. `add` is argparse's add_argument."""

    def __init__(self, program: str, summary: str, exit_codes: str) -> None:
        self.parser = _Parser(
            prog=program,
            description=summary,
            epilog=exit_codes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add = self.parser.add_argument
        self.add("--json", action="store_true", help="print JSON, and nothing else, on standard output")
        self.add("--quiet", "-q", action="store_true", help="print nothing but data and errors")
        self.add("--debug", action="store_true", help="show where an error comes from [LINEAGEHUB_DEBUG]")

    def example(self, text: str) -> None:
        """Begin the help with an example."""
        self.parser.description = f"{self.parser.description}\n\n  {text}"

    def add_hub(self, *, namespace: bool = True) -> None:
        """Add where the hub is, and by which key it is asked."""
        self.add("--url", "--endpoint", dest="hub_endpoint", metavar="URL", help="the hub [LINEAGEHUB_URL]")
        self.add("--api-key", metavar="KEY", help="a key of the hub's [LINEAGEHUB_API_KEY]")
        if namespace:
            self.add("--namespace", "-n", help="the key's namespace; it may be left out [LINEAGEHUB_NAMESPACE]")

    def actions(self) -> Iterator[Any]:
        """Return what it takes."""
        yield from self.parser._actions

    def parse_known_args(self, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """Return the options, and words that are none. Raises UsageFailure."""
        return self.parser.parse_known_args(words)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageFailure(f"{message[:1].upper()}{message[1:]}.", f"{self.prog} --help")
