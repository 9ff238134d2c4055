"""The client: never blocks, keeps what the hub does not take now, counts what it drops, survives a fork, flushes at exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import Client, current_client
from lineagehub_sdk._config import LineageHubConfig, resolve
from lineagehub_sdk.transports import TRANSPORTS

from tests.sdk.conftest import HubDouble
from tests.support.hub import clean_environment
from tests.support.waiting import wait_until

EVENT = {"job": {"namespace": "n", "name": "j"}}


def test_import_brings_no_third_party_module() -> None:
    code = (
        "import sys; before = set(sys.modules); import lineagehub_sdk; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'lineagehub_sdk'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "[]\n"


def test_exactly_the_documented_names_are_public() -> None:
    assert all(hasattr(sdk, name) for name in sdk.__all__)
    assert {"lineage_track", "run", "emit", "flush", "configure", "LineageHubConfig", "DatasetSpec"} <= set(sdk.__all__)


def test_precedence_is_argument_then_ours_then_aliases_then_default() -> None:
    environment = {"LINEAGEHUB_URL": "http://ours", "OPENLINEAGE_URL": "http://theirs", "OPENLINEAGE_API_KEY": "k"}
    assert resolve({}, environment).hub_endpoint == "http://ours"
    assert resolve({"hub_endpoint": "http://argument"}, environment).hub_endpoint == "http://argument"
    assert resolve({}, environment).api_key == "k"
    assert resolve({}, {}).effective_transport == "console"
    assert resolve({}, environment | {"LINEAGEHUB_DISABLED": "true"}).effective_transport == "none"


def test_the_configuration_never_shows_the_key() -> None:
    assert "secret" not in repr(LineageHubConfig(api_key="secret"))


def test_events_go_in_batches_over_one_request_with_the_key(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, api_key="lh_key", flush_interval=0.2)
    for number in range(250):
        sdk.emit({**EVENT, "number": number})
    assert sdk.flush(20)
    assert [event["number"] for event in hub_double.events] == list(range(250))
    assert max(len(events) for _, events in hub_double.requests) <= 100
    assert hub_double.requests[0][0]["Authorization"] == "Bearer lh_key"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_the_hub_does_not_take_now_is_sent_again(hub_double: HubDouble, status: int) -> None:
    hub_double.answers = [(status, {"Retry-After": "1"}), (status, {"Retry-After": "nonsense"})]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    sdk.emit(EVENT)
    assert sdk.flush(20)
    assert len(hub_double.events) == 1


def test_what_the_hub_refuses_for_good_is_dropped_and_counted(hub_double: HubDouble) -> None:
    hub_double.answers = [(422, {})]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    client = current_client()
    sdk.emit(EVENT)
    assert sdk.flush(20)
    assert (client.refused, client.sent) == (1, 0)


def test_a_full_queue_drops_the_new_event_and_counts_it(hub_double: HubDouble) -> None:
    hub_double.answers = [(503, {"Retry-After": "1"})]
    sdk.configure(hub_endpoint=hub_double.url, queue_size=5, flush_interval=0.0, batch_size=1)
    client = current_client()
    for _ in range(50):
        sdk.emit(EVENT)
    assert client.dropped >= 40
    assert sdk.flush(20)
    assert client.sent == 50 - client.dropped == len(hub_double.events)


def test_an_absent_hub_delays_nobody_and_what_was_emitted_arrives_later(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint="http://127.0.0.1:1", flush_interval=0.01)

    @sdk.lineage_track("job")
    def work() -> int:
        return 1

    assert work() == 1
    assert not sdk.flush(0.2)
    sdk.configure(transport="none")


def test_events_of_openlineage_python_are_taken() -> None:
    from lineagehub_sdk.transports.memory import MemoryTransport
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

    MemoryTransport.events.clear()
    sdk.configure(transport="memory", flush_interval=0.01)
    run = Run(runId="0190d0a2-0000-7000-8000-000000000001")
    sdk.emit(
        RunEvent(
            eventTime="2026-11-24T10:00:00Z", run=run, job=Job("n", "j"), eventType=RunState.START, producer="https://p"
        )
    )
    assert sdk.flush(10)
    assert MemoryTransport.events[0]["job"] == {"namespace": "n", "name": "j", "facets": {}}


def test_events_emitted_just_before_the_end_are_flushed(hub_double: HubDouble) -> None:
    code = "import lineagehub_sdk as sdk\nfor n in range(20): sdk.emit({'job': {'namespace': 'n', 'name': str(n)}})"
    environment = clean_environment() | {"LINEAGEHUB_URL": hub_double.url, "LINEAGEHUB_API_KEY": "k"}
    subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=True)
    assert len(hub_double.events) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_sends_its_own_events_and_not_its_parents(hub_double: HubDouble) -> None:
    code = """
import os, sys
import lineagehub_sdk as sdk
sdk.configure(flush_interval=1.0)
sdk.emit({"job": {"namespace": "n", "name": "parent"}})
child = os.fork()
if child == 0:
    sdk.emit({"job": {"namespace": "n", "name": "child"}})
    sys.exit(0 if sdk.flush(10) else 1)
sys.exit(os.waitpid(child, 0)[1] or (0 if sdk.flush(10) else 2))
"""
    environment = clean_environment() | {"LINEAGEHUB_URL": hub_double.url, "LINEAGEHUB_API_KEY": "k"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, timeout=60, check=True)
    assert sorted(event["job"]["name"] for event in hub_double.events) == ["child", "parent"]


def test_emit_from_many_threads_loses_nothing(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)

    def emit_100() -> None:
        for _ in range(100):
            sdk.emit(EVENT)

    threads = [threading.Thread(target=emit_100) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sdk.flush(20)
    assert len(hub_double.events) == 800


def test_every_transport_file_is_registered() -> None:
    from pathlib import Path

    folder = Path(sdk.__file__).parent / "transports"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(TRANSPORTS)


def test_without_a_hub_events_are_printed_and_the_warning_names_the_variable() -> None:
    code = "import lineagehub_sdk as sdk; sdk.emit({'job': {'namespace': 'n', 'name': 'j'}})"
    result = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    lines = result.stderr.splitlines()
    assert sum("LINEAGEHUB_URL is not set" in line for line in lines) == 1
    assert json.loads(lines[-1])["job"]["name"] == "j"


def test_a_client_without_events_starts_no_thread() -> None:
    before = threading.active_count()
    Client(LineageHubConfig(transport="none"))
    wait_until(lambda: threading.active_count() == before, 1, "no new thread")
