"""`lineagehub agent NAME…`: agents, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import json
import sys

import typer

from lineagehub.errors import ConfigurationError


def command(
    names: list[str] = typer.Argument(
        help="lineage-store, telemetry-store, audit, quota, dead-letters, marquez, alerts."
    ),
    json_output: bool = typer.Option(False, "--json", help="Print one JSON line with the operations URL when started."),
) -> None:
    """Example: lineagehub agent lineage-store telemetry-store"""
    import uvloop

    from lineagehub.settings import load_settings
    from lineagehub.telemetry.logs import configure_logging

    try:
        from lineagehub_agents.worker import run_agents
    except ModuleNotFoundError as error:
        if error.name != "lineagehub_agents":
            raise
        raise ConfigurationError("The agents are not installed.", "pip install lineagehub-agents") from error

    settings = load_settings()
    configure_logging(settings.log_level, f"agent {' '.join(names)}")

    def on_ready(url: str) -> None:
        print(
            json.dumps({"url": url}) if json_output else f"{', '.join(names)} started; operations at {url}", flush=True
        )

    sys.exit(uvloop.run(run_agents(names, settings, on_ready)))
