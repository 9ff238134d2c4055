"""Retention through the whole hub: one command, and stored rows as well as those to come have the new days; nothing is restarted."""

from __future__ import annotations

import uuid

from tests.support.hub import Hub, run_command
from tests.support.waiting import wait_until

DAYS = 61


def test_one_command_reaches_stored_rows_and_running_agents(hub: Hub) -> None:
    job = f"retention-{uuid.uuid4().hex[:8]}"

    def send() -> None:
        event = {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-24T10:00:00Z",
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "retention", "name": job},
            "producer": "https://example.com/test",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
        assert hub.post_json("/api/v1/lineage", event).status == 201

    def stored_days() -> list[int]:
        rows = hub.rows("SELECT RetentionDays FROM lineage_events WHERE JobName = {job:String}", job=job)
        return [row["RetentionDays"] for row in rows]

    send()
    wait_until(lambda: stored_days() == [30], 30, "the first event to be stored")
    result = run_command(
        *("retention", "set", "demo", "--lineage", str(DAYS)),
        LINEAGEHUB_SECRET_KEY=(hub.data / "secret.key").read_text().strip(),
        LINEAGEHUB_KAFKA_BROKERS=hub.ready["kafka"],
        LINEAGEHUB_KAFKA_IDEMPOTENT="false",
        LINEAGEHUB_CLICKHOUSE_URL=hub.ready["clickhouse"],
        LINEAGEHUB_CONTROL_JOURNAL=str(hub.data / "control.journal"),
    )
    assert result.returncode == 0, result.stderr
    assert stored_days() == [DAYS]

    def new_rows_have_them() -> bool:
        # The agents hear of it by the control topic, at their next poll of it: until then they stamp the former days.
        send()
        return stored_days().count(DAYS) > 1

    wait_until(new_rows_have_them, 30, "the agents to stamp the new days")
