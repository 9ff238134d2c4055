"""`lineagehub serve`: the web, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import json

import typer


def command(
    json_output: bool = typer.Option(False, "--json", help="Print one JSON line with the URL when ready."),
) -> None:
    """Example: LINEAGEHUB_KAFKA_BROKERS=kafka:9092 lineagehub serve"""
    import uvloop

    from lineagehub.settings import load_settings
    from lineagehub.telemetry.logs import configure_logging
    from lineagehub.web.serve import serve

    settings = load_settings()
    configure_logging(settings.log_level, "web")

    def on_ready(url: str) -> None:
        print(json.dumps({"url": url}) if json_output else f"LineageHub's web is ready at {url}", flush=True)

    uvloop.run(serve(settings, on_ready))
