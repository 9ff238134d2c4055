"""The `lineagehub` command. COMMANDS is the one list: one file a command, imported only when it runs.

To add a command: a file here with a function `command` (typer reads its arguments) and one line in COMMANDS; a dash in its name is an
underscore in the file's.

Exit codes: 0 ok; 1 the check or the operation failed; 2 usage; 69 a dependency is down; 70 an agent must not go on; 75 try again
(a port is taken); 78 bad configuration (a missing extra, a broken data directory, a wrong setting); 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import importlib
import sys

import typer

from lineagehub import __version__
from lineagehub.errors import ConfigurationError, LineageHubError, Unavailable

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_DEPENDENCY_DOWN = 69
EXIT_TRY_AGAIN = 75
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130

COMMANDS: dict[str, str] = {
    "up": "Start the whole hub on this machine, with embedded parts.",
    "demo": "Run a small pipeline through a running hub and show what arrived.",
    "doctor": "Check every part and say what to do about it.",
    "serve": "Run the web: receivers, reads, operations.",
    "agent": "Run one or more agents.",
    "topics": "Create the topics, or compare the broker with the contract.",
    "kafka": "Print or apply a namespace's user, ACLs and quotas on a Kafka that is secured.",
    "migrate": "Bring ClickHouse's schema up to date.",
    "clickhouse": "Print or make the user of ClickHouse that reads for tenants.",
    "bootstrap": "Make a first namespace and its keys.",
    "retention": "Show and set how long a namespace's data are kept.",
    "namespaces": "List, make, change and delete namespaces.",
    "keys": "List, make, rotate and revoke a namespace's keys.",
    "limits": "Show and set what a namespace may use.",
    "usage": "Show what a namespace has sent, by day and signal.",
    "over-quota": "Send again what was over quota.",
    "webhooks": "Show, set and try where a namespace's alerts go.",
    "apply": "Bring namespaces and limits to what a file declares.",
    "audit": "Show who did what in a namespace, and what was denied.",
    "dead-letters": "List, show, re-drive and drop what could not be stored.",
    "lineage": "Delete a namespace's jobs, datasets and OpenLineage namespaces.",
}

EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 usage, 69 a dependency is down, 70 an agent must not go on, 75 try again (port taken), "
    "78 bad configuration, 130 Ctrl-C."
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. Errors that we know become one sentence and, where there is one, the next step."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        _application(words)(words, prog_name="lineagehub")
    except ConfigurationError as error:
        _fail(str(error), error.next_step, EXIT_CONFIGURATION)
    except Unavailable as error:
        _fail(str(error), "lineagehub doctor", EXIT_DEPENDENCY_DOWN)
    except LineageHubError as error:
        _fail(str(error), getattr(error, "next_step", ""), EXIT_FAILED)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _fail(
            "The port is taken by another process.", "Choose another with --port, or 0 for a free one.", EXIT_TRY_AGAIN
        )
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _application(words: list[str]) -> typer.Typer:
    """Return the application with the command asked for; the others only by name, so that nothing else is imported."""
    application = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=_summary(), epilog=EPILOG
    )
    application.callback(invoke_without_command=True)(_version)
    asked = next((word for word in words if not word.startswith("-")), "")
    for name, summary in COMMANDS.items():
        if name == asked:
            command = importlib.import_module(f"lineagehub.cli.{name.replace('-', '_')}").command
            if isinstance(command, typer.Typer):
                application.add_typer(command, name=name, help=summary)
            else:
                application.command(name, help=summary + "\n\n" + (command.__doc__ or ""))(command)
        else:
            application.command(name, help=summary)(_not_imported)
    return application


def _summary() -> str:
    return "LineageHub: a multi-tenant hub for OpenLineage and OpenTelemetry. Begin with: lineagehub up"


def _version(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_USAGE)


def _not_imported() -> None:
    """Stands for a command in the overview; the one asked for is imported instead."""


def _fail(message: str, next_step: str, exit_code: int) -> None:
    print(f"lineagehub: {message}", file=sys.stderr)
    if next_step:
        print(f"  next: {next_step}", file=sys.stderr)
    sys.exit(exit_code)
