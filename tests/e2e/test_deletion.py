"""Deletion through the whole hub: what is deleted right after it was accepted never shows up again, and leaves the disk."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

from lineagehub.store.deletion_places import PLACES
from tests.support.hub import Hub, run_command
from tests.support.waiting import wait_until

EVENTS = 60


def send(hub: Hub, namespace: str, job: str, dataset: str) -> None:
    """Send a run."""
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-24T10:00:00Z",
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": namespace, "name": job},
        "outputs": [{"namespace": namespace, "name": dataset}],
        "producer": "https://example.com/test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    assert hub.post_json("/api/v1/lineage", event).status == 201


def delete(hub: Hub, node_id: str) -> Any:
    """Delete as a client does, which repeats what is answered with 503; return the receipt."""
    answers = []

    def is_done() -> bool:
        answers.append(hub.request("DELETE", f"/api/v1/lineage?nodeId={quote(node_id)}"))
        return answers[-1].status != 503

    wait_until(is_done, 60, "the store to catch up")
    assert answers[-1].status == 200, answers[-1].body
    return answers[-1].json()


def rows_on_disk(hub: Hub, text: str) -> int:
    """Return how many rows hold a text, shown or not."""
    counts = " UNION ALL ".join(
        f"SELECT count() AS n FROM {table} WHERE position(formatRowNoNewline('JSONEachRow', *), {{text:String}}) > 0"
        for table in PLACES
        if table != "lineage_runs"  # Its column Job is a state; a run's other rows stand for it.
    )
    return hub.count(f"SELECT sum(n) FROM ({counts}) SETTINGS apply_deleted_mask = 0", text=text)


def test_events_that_are_still_on_their_way_do_not_bring_back_what_is_deleted(hub: Hub) -> None:
    namespace = f"deletion-{uuid.uuid4().hex[:8]}"
    for number in range(EVENTS):
        send(hub, namespace, "doomed", f"t{number}")
    send(hub, namespace, "kept", "kept.t")
    # At once: the last of them are not stored yet.
    receipt = delete(hub, f"job:{namespace}:doomed")
    assert (receipt["runs"], receipt["jobs"], receipt["events"]) == (EVENTS, 1, EVENTS)
    assert hub.get("/api/v1/lineage", nodeId=f"job:{namespace}:doomed").status == 404
    jobs = hub.get(f"/marquez/api/v1/namespaces/{namespace}/jobs").json()["jobs"]
    assert [job["name"] for job in jobs] == ["kept"]
    assert '"doomed"' not in hub.get("/api/v1/events/lineage", limit="1000").body.decode()
    wait_until(lambda: rows_on_disk(hub, '"doomed"') == 0, 60, "the rows to leave the disk")


def test_the_command_says_what_there_is_and_deletes_it(hub: Hub) -> None:
    namespace = f"deletion-{uuid.uuid4().hex[:8]}"
    send(hub, namespace, "load", "t")

    def command(*options: str) -> tuple[int, str, str]:
        result = run_command(
            *("lineage", "delete", f"namespace:{namespace}", "--namespace", "demo", *options),
            LINEAGEHUB_KAFKA_BROKERS=hub.ready["kafka"],
            LINEAGEHUB_KAFKA_IDEMPOTENT="false",
            LINEAGEHUB_SECRET_KEY=(hub.data / "secret.key").read_text().strip(),
            LINEAGEHUB_CLICKHOUSE_URL=hub.ready["clickhouse"],
        )
        return result.returncode, result.stdout, result.stderr

    code, said, failure = command("--dry-run")
    assert code == 0, failure
    assert f"namespace:{namespace} is 1 runs, 1 jobs, 1 datasets, 1 events" in said
    assert "Nothing was deleted." in said
    assert hub.get(f"/marquez/api/v1/namespaces/{namespace}").status == 200
    code, said, failure = command("--json")
    assert code == 0, failure
    document = json.loads(said)
    assert (document["runs"], document["jobs"], document["datasets"], document["events"]) == (1, 1, 1, 1)
    assert document["deleted_at"] is not None
    assert hub.get(f"/marquez/api/v1/namespaces/{namespace}").status == 404
