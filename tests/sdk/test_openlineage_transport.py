"""openlineage-python sends through the SDK: by the class' import path alone, with the spool, to HTTP or signed to Kafka."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport.transport import Transport

from tests.sdk.conftest import HubDouble, Spooling

TYPE = "lineagehub_sdk.openlineage.LineageHubTransport"


def _event(name: str) -> RunEvent:
    run = Run(runId=str(uuid.uuid4()))
    return RunEvent(
        eventTime="2026-11-26T10:00:00Z", run=run, job=Job("n", name), eventType=RunState.START, producer="https://p"
    )


def _transport(client: OpenLineageClient) -> Transport:
    return client.transport


def test_a_client_that_is_configured_by_the_environment_sends_through_the_sdk(
    hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", TYPE)
    monkeypatch.setenv("LINEAGEHUB_URL", hub_double.url)
    monkeypatch.setenv("LINEAGEHUB_API_KEY", "lh_key")
    client = OpenLineageClient()
    assert _transport(client).kind == "lineagehub"
    for name in ("first", "second"):
        client.emit(_event(name))
    assert client.close(20)
    assert hub_double.names == ["first", "second"]
    assert hub_double.requests[0][0]["authorization"] == "Bearer lh_key"
    assert hub_double.events[0]["eventType"] == "START"


def test_fields_beside_the_type_win_and_what_the_hub_does_not_take_now_is_safe_on_disk(spooling: Spooling) -> None:
    settings: dict[str, Any] = {"transport": {"type": TYPE, "hub_endpoint": spooling.hub.url, "flush_interval": "0.01"}}
    client = OpenLineageClient(config=settings)
    client.emit(_event("job"))
    assert client.close(5)
    assert spooling.waiting() == 1
    spooling.hub.absent = False
    later = OpenLineageClient(config=settings)
    later.emit(_event("later"))
    assert later.close(20)
    assert sorted(spooling.hub.names) == ["job", "later"]


def test_an_unknown_field_costs_no_event(hub_double: HubDouble) -> None:
    client = OpenLineageClient(config={"transport": {"type": TYPE, "hub_endpoint": hub_double.url, "colour": "red"}})
    client.emit(_event("job"))
    assert client.close(20)
    assert hub_double.names == ["job"]


LIKE_AIRFLOW = """
import os, sys
child = os.fork()
if not child:
    try:
        # As Airflow's provider does: a client, one event, the end.
        from openlineage.client import OpenLineageClient
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        run = Run(runId="00000000-0000-0000-0000-000000000001")
        OpenLineageClient().emit(
            RunEvent(eventTime="2026-11-26T10:00:00Z", run=run, job=Job("n", "task"), eventType=RunState.START, producer="https://p")
        )
    finally:
        os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_an_event_of_a_forked_child_that_ends_at_once_is_sent_or_on_disk(spooling: Spooling, is_there: bool) -> None:
    spooling.hub.absent = not is_there
    spooling.run(LIKE_AIRFLOW, OPENLINEAGE__TRANSPORT__TYPE=TYPE)
    assert (spooling.hub.names, spooling.waiting()) == ((["task"], 0) if is_there else ([], 1))


def test_a_hub_that_is_known_to_be_away_is_not_waited_for(
    hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGEHUB_SPOOL_SIZE", "0")
    hub_double.absent = True
    client = OpenLineageClient(config={"transport": {"type": TYPE, "hub_endpoint": hub_double.url}})
    sdk_client = client.transport._client  # type: ignore[attr-defined]
    client.emit(_event("first"))
    waits = []
    monkeypatch.setattr(sdk_client, "flush", lambda *arguments, **options: waits.append(arguments))
    client.emit(_event("second"))
    assert waits == []
    assert sdk_client.in_memory == 2
    hub_double.absent = False
    monkeypatch.undo()
    assert client.close(20)
    assert hub_double.names == ["first", "second"]
