"""The command `lineagehub-sdk`. COMMANDS is the one list: one file a command, imported only when it runs.

To add a command: a line in COMMANDS and a file with `configure(parser)`, which says its arguments, and `run(options)`, which does it
and returns the exit code; a dash in its name is an underscore in the file's. Data go to standard output, and nothing else does.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any

from lineagehub_sdk.cli._failures import EXIT_FAILED, EXIT_INTERRUPTED, Failure, UsageFailure, failure_of

COMMANDS: dict[str, str] = {
    "health": "Ask how the hub is, and each of its parts.",
    "emit": "Send one event, from a file or standard input.",
    "send-events": "Send many events: a JSON array, or a line each.",
    "create-job-events": "Make and send the START and COMPLETE of a job.",
    "namespaces": "List namespaces, or show one.",
    "list-namespaces": "The same as: namespaces list.",
    "get-namespace": "The same as: namespaces get.",
    "config": "Show the configuration, and with --sources where each value comes from.",
    "spool": "Show, send or purge what waits on disk.",
    "completion": "Print the completion script of a shell.",
}

PROGRAM = "lineagehub-sdk"
TAKE_A_VALUE = ("--url", "--endpoint", "--api-key", "--namespace")
"""Options with a value that may stand before the command, as the data-lineage-hub SDK has them."""
EXAMPLE = f"""\
  export LINEAGEHUB_URL=http://127.0.0.1:8080 LINEAGEHUB_API_KEY=lh_dev_…
  {PROGRAM} health
  {PROGRAM} send-events --file events.ndjson
"""
EXIT_CODES = """\
Exit codes: 0 ok, 1 the check or the operation failed, 2 usage, 69 the hub does not answer, 75 try again, 77 not allowed,
78 bad configuration, 130 Ctrl-C.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. What goes wrong is one sentence and the next command; with --debug a traceback, too."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(_run(words))
    except BrokenPipeError:
        # Whoever read the output has enough. What Python would still write at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if "--debug" in words:
            raise
        failure = failure_of(error)
        print(f"{PROGRAM}: {failure}", file=sys.stderr)
        if failure.next_step:
            print(f"  next: {failure.next_step}", file=sys.stderr)
        sys.exit(failure.exit_code)


def _run(words: list[str]) -> int:
    name, words = _split(words)
    if name in ("", "--help", "-h", "help"):
        print(overview(), file=sys.stdout if name else sys.stderr)
        return 0 if name else UsageFailure.exit_code
    if name == "--version":
        from lineagehub_sdk import __version__

        print(__version__)
        return 0
    if name not in COMMANDS:
        raise UsageFailure(f"There is no command {name!r}.{_suggestion(name, COMMANDS)}", f"{PROGRAM} --help")
    parser = parser_of(name)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        known = [option for action in parser.actions() for option in action.option_strings]
        raise UsageFailure(
            f"{name} does not know {unknown[0]!r}.{_suggestion(unknown[0], known)}", f"{PROGRAM} {name} --help"
        )
    code: int = command_of(name).run(options)
    return code


def overview() -> str:
    """Return the help of the whole."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            f"{PROGRAM}: what pipelines tell LineageHub, by hand and in scripts.\n",
            EXAMPLE,
            "Commands:",
            *lines,
            f"\nOptions of each: {PROGRAM} COMMAND --help. --version prints the version.",
            EXIT_CODES,
        ]
    ).rstrip()


def command_of(name: str) -> Any:
    """Return the module of a command."""
    return importlib.import_module(f"lineagehub_sdk.cli.{name.replace('-', '_')}")


def parser_of(name: str) -> Any:
    """Return what reads the arguments of a command."""
    from lineagehub_sdk.cli._arguments import CommandParser

    parser = CommandParser(f"{PROGRAM} {name}", COMMANDS[name], EXIT_CODES)
    command_of(name).configure(parser)
    return parser


def _split(words: list[str]) -> tuple[str, list[str]]:
    """Return the command and all other words: options that belong to every command may stand before its name."""
    index = 0
    while index < len(words) and words[index].startswith("-") and words[index] not in ("--help", "-h", "--version"):
        index += 2 if words[index] in TAKE_A_VALUE else 1
    if index >= len(words):
        return "", words
    return words[index], words[:index] + words[index + 1 :]


def _suggestion(word: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


__all__ = ["COMMANDS", "Failure", "main", "overview", "parser_of"]
