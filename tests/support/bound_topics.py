"""The topics that the end-to-end hubs bind to a namespace of their own, and that namespace's view of a hub."""

from __future__ import annotations

import dataclasses
import json

from tests.support.hub import Hub, run_command
from tests.support.waiting import wait_until

TEAM = "team-a"
EVENTS_TOPIC = f"openlineage-events.{TEAM}"
SPANS_TOPIC = f"otel-spans.{TEAM}"
SETTINGS = {"LINEAGEHUB_KAFKA_BOUND_TOPICS": json.dumps({EVENTS_TOPIC: TEAM, SPANS_TOPIC: TEAM})}

KEY_SECONDS = 20


def as_namespace(hub: Hub, namespace: str) -> Hub:
    """Make a namespace, as an operator does, and return the hub as the holder of its key sees it."""
    made = run_command(
        "bootstrap",
        "--namespace",
        namespace,
        "--json",
        LINEAGEHUB_KAFKA_BROKERS=hub.ready["kafka"],
        LINEAGEHUB_KAFKA_IDEMPOTENT="false",
        LINEAGEHUB_SECRET_KEY=(hub.data / "secret.key").read_text().strip(),
    )
    assert made.returncode == 0, made.stderr
    seen = dataclasses.replace(hub, ready=hub.ready | {"api_key": json.loads(made.stdout)["api_key"]})
    wait_until(lambda: seen.get("/api/v1/search", q="x").status == 200, KEY_SECONDS, "the key to be known")
    return seen
