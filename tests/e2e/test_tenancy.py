"""Tenancy through the whole hub, by its commands and its API: what was acknowledged outlives kill -9 of the web, and a deleted
namespace leaves nothing to the one that is made again under its name."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.hub import Answer, Hub, run_command, wait_dead
from tests.support.waiting import wait_until

EFFECTIVE_SECONDS = 5
"""What the hub promises for a change to be effective everywhere."""
DECLARED = Path(__file__).parents[2] / "deploy" / "namespaces.yaml"


class Operator:
    """Whoever holds the operator's key, at the command line."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._environment = {"LINEAGEHUB_URL": hub.url, "LINEAGEHUB_API_KEY": str(hub.ready["operator_key"])}

    def run(self, *arguments: str) -> Any:
        """Run a command; return its JSON."""
        result = run_command(*arguments, "--json", **self._environment)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def failure(self, *arguments: str) -> tuple[int, str]:
        """Run a command that fails; return its exit code and what it says."""
        result = run_command(*arguments, **self._environment)
        return result.returncode, result.stderr

    def call(self, method: str, path: str, document: Any = None) -> Answer:
        """Send a request to the management API, which is quicker than a command."""
        body = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        return self._hub.request(
            method, f"/api/v1/namespaces{path}", body, headers, str(self._hub.ready["operator_key"])
        )


def event(job: str) -> bytes:
    return json.dumps(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-11-24T10:00:00Z",
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "tenancy", "name": job},
            "producer": "https://example.com/test",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
    ).encode()


def post(hub: Hub, key: str, job: str) -> int:
    return hub.request("POST", "/api/v1/lineage", event(job), {"Content-Type": "application/json"}, key).status


def jobs_of(hub: Hub, key: str) -> set[str]:
    """Return the jobs that a key's namespace shows."""
    answer = hub.request("GET", "/api/v1/search?limit=100", key=key)
    assert answer.status == 200, answer.body
    return {result["name"] for result in answer.json()["results"]}


def patch(operator: Operator, name: str, number: int) -> bool:
    """Change the description; return whether that was acknowledged."""
    try:
        return operator.call("PATCH", f"/{name}", {"description": str(number)}).status == 200
    except (OSError, http.client.HTTPException):
        return False


@contextlib.contextmanager
def suspended(hub: Hub, word: str) -> Iterator[None]:
    """Have a child of the hub do nothing for as long as the block lasts."""
    pid = hub.child_pid(word)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill_web(hub: Hub) -> None:
    """Kill the web with -9, and wait until its successor serves."""
    pid = hub.child_pid("serve")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    def serves() -> bool:
        try:
            return hub.get("/readyz").status == 200
        except OSError:
            return False

    wait_dead([pid], 10)
    wait_until(serves, 60, "another web to serve")


def test_the_life_of_a_namespace_and_its_keys(hub: Hub) -> None:
    operator, name = Operator(hub), f"tenancy-{uuid.uuid4().hex[:8]}"
    first = operator.run("namespaces", "create", name, "--owner", "me", "--tag", "env=test")
    assert (first["owners"], first["tags"], first["state"]) == (["me"], {"env": "test"}, "live")
    keys = {"writer": operator.run("keys", "create", name, "--role", "writer")["key"]}
    keys["owner"] = operator.call("POST", f"/{name}/keys", {"role": "owner"}).json()["key"]
    assert post(hub, keys["writer"], "of-the-first") == 201
    wait_until(lambda: jobs_of(hub, keys["owner"]) == {"of-the-first"}, 30, "the event to be shown")

    rotated = operator.run("keys", "rotate", name, keys["writer"].split("_")[2])
    assert [post(hub, key, "of-the-first") for key in (keys["writer"], rotated["key"])] == [201, 201]
    operator.run("keys", "revoke", name, keys["writer"].split("_")[2], "--yes")
    wait_until(lambda: post(hub, keys["writer"], "x") == 401, EFFECTIVE_SECONDS, "the revoked key to be dead")
    assert post(hub, rotated["key"], "of-the-first") == 201

    # Changes, one after the other, while the web dies: none that was acknowledged is lost.
    acknowledged, stop = [0], threading.Event()

    def change_on_and_on() -> None:
        number = 0
        while not stop.wait(0.05):
            number += 1
            if patch(operator, name, number):
                acknowledged.append(number)

    changing = threading.Thread(target=change_on_and_on)
    changing.start()
    try:
        wait_until(lambda: len(acknowledged) > 3, 30, "changes to be acknowledged")
        kill_web(hub)
    finally:
        stop.set()
        changing.join(60)
    shown = operator.call("GET", f"/{name}").json()
    assert int(shown["description"]) >= acknowledged[-1]
    assert shown["revision"] >= len(acknowledged)
    assert post(hub, keys["writer"], "x") == 401, "a revocation outlives the web"

    # The web dies as soon as it has acknowledged the deletion: the next one finishes it.
    assert operator.failure("namespaces", "delete", name)[0] == 2, "without a terminal it must be said with --yes"
    with suspended(hub, "lineagehub.embedded.clickhouse"):
        assert operator.run("namespaces", "delete", name, "--yes")["state"] == "deleting"
        code, said = operator.failure("namespaces", "create", name)
        assert (code, "not all gone yet" in said) == (1, True), said
    kill_web(hub)
    assert post(hub, rotated["key"], "too late") == 401
    wait_until(lambda: operator.call("GET", f"/{name}").status == 404, 90, "the data to be gone")
    assert hub.count("SELECT count() FROM lineage_events WHERE Namespace = {ns:String}", ns=name) == 0

    again = operator.call("POST", "", {"name": name}).json()
    assert again["id"] != first["id"]
    owner = operator.call("POST", f"/{name}/keys", {"role": "owner"}).json()["key"]
    assert len(operator.call("GET", f"/{name}/keys").json()["keys"]) == 1
    assert post(hub, rotated["key"], "too late") == 401
    assert post(hub, owner, "of-the-second") == 201
    wait_until(lambda: jobs_of(hub, owner) == {"of-the-second"}, 30, "only what is its own to be shown")


def test_a_file_is_applied_and_applying_it_again_changes_nothing(hub: Hub) -> None:
    operator = Operator(hub)
    planned = operator.run("apply", str(DECLARED), "--dry-run")
    assert {one["action"] for one in planned["namespaces"]} == {"create"}
    assert operator.call("GET", "/orders").status == 404, "a dry run changes nothing"
    assert operator.run("apply", str(DECLARED))["namespaces"] == planned["namespaces"]
    orders = operator.call("GET", "/orders").json()
    assert (orders["retention_days"], orders["signal_retention_days"]) == (90, {"logs": 14})
    limits = operator.call("GET", "/orders/limits").json()["limits"]
    assert limits["burst"] == {"value": 10_000, "origin": "namespace"}
    again = operator.run("apply", str(DECLARED))
    assert [(one["action"], one["changes"]) for one in again["namespaces"]] == [("none", [])] * 2
    assert operator.call("GET", "/orders").json() == orders
