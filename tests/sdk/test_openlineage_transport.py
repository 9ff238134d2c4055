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
