"""The client: never blocks, keeps what is not taken now, counts what it drops, survives forks, flushes at exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import Client, current_client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import attempts
from lineagehub_sdk.transports import TRANSPORTS
from lineagehub_sdk.transports.memory import MemoryTransport

from tests.sdk.conftest import HubDouble, Scripted, complaints
from tests.support.hub import clean_environment
from tests.support.waiting import wait_until

EVENT = {"job": {"namespace": "n", "name": "j"}}

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def _run_script(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_import_brings_no_third_party_module() -> None:
    result = _run_script(
        "import sys; before = set(sys.modules); import lineagehub_sdk; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'lineagehub_sdk'}))"
    )
    assert result.stdout == "[]\n", result.stderr


def test_exactly_the_documented_names_are_public() -> None:
    assert set(sdk.__all__) == {
        "APIError",
        "AdapterType",
        "BatchingLineageClient",
        "DataFormat",
        "DatasetSpec",
        "LineageEvent",
        "LineageHubClient",
        "LineageHubConfig",
        "LineageHubSdkError",
        "Run",
        "TelemetryClient",
        "TelemetryData",
        "child_environment",
        "configure",
        "create_dataset_specs",
        "current_run",
        "emit",
        "extract",
        "flush",
        "get_adapter_examples",
        "get_config",
        "in_context",
        "inject",
        "lineage_track",
        "reset_config",
        "run",
        "telemetry_track",
        "validate_dataset_spec",
    }
    assert all(hasattr(sdk, name) for name in sdk.__all__)


def test_every_transport_file_is_registered() -> None:
    folder = Path(sdk.__file__).parent / "transports"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(TRANSPORTS)


def test_an_unknown_transport_names_those_that_there_are(caplog: pytest.LogCaptureFixture) -> None:
    sdk.configure(transport="pigeon", flush_interval=0.0)
    sdk.emit(EVENT)
    assert sdk.flush(10)
    assert current_client().refused == 1
    assert "LINEAGEHUB_TRANSPORT is 'pigeon'; it is one of http, kafka" in caplog.text


def test_a_full_queue_drops_the_new_event_and_counts_it(
    hub_double: HubDouble, caplog: pytest.LogCaptureFixture
) -> None:
    hub_double.answers = [Scripted(503, {"Retry-After": "1"})]
    sdk.configure(hub_endpoint=hub_double.url, queue_size=5, flush_interval=0.0, batch_size=1, spool_size=0)
    client = current_client()
    for _ in range(50):
        sdk.emit(EVENT)
    assert client.dropped >= 40
    assert caplog.text.count("the queue is full") == 1
    assert sdk.flush(20)
    assert client.sent == 50 - client.dropped == len(hub_double.events)


@pytest.mark.usefixtures("short_backoff")
def test_an_absent_hub_delays_nobody_and_what_was_emitted_arrives_when_it_is_there(hub_double: HubDouble) -> None:
    hub_double.absent = True
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.0)

    @sdk.lineage_track("job")
    def work() -> int:
        return 1

    assert work() == 1
    assert not sdk.flush(0.2)
    hub_double.absent = False
    assert sdk.flush(20)
    assert [event["eventType"] for event in hub_double.events] == ["START", "COMPLETE"]


def test_a_fault_of_a_transport_ends_nothing_even_in_strict_mode(
    monkeypatch: pytest.MonkeyPatch, memory: list[dict[str, Any]]
) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryTransport, "send", lambda self, events: 1 / 0)
        sdk.emit(EVENT)
        assert sdk.flush(10)
    sdk.emit(EVENT)
    assert sdk.flush(10)
    assert (current_client().refused, current_client().sent, len(memory)) == (1, 1, 1)


@pytest.mark.parametrize("event", [{}, {"run": None}, {"run": {}, "job": None}, {"job": {"namespace": "n"}}, 7])
def test_what_is_no_event_is_left_out_and_raises_nothing(event: Any, memory: list[dict[str, Any]]) -> None:
    sdk.emit(event)
    sdk.emit(EVENT)
    assert sdk.flush(10)
    assert memory == [EVENT]


def test_what_is_no_event_is_raised_when_strict(memory: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    with pytest.raises(ValueError, match="an event needs a job"):
        sdk.emit({})
    assert sdk.flush(10)
    assert memory == []


def test_an_event_id_that_is_none_is_refused(memory: list[dict[str, Any]]) -> None:
    sdk.emit(EVENT, event_id="first")
    sdk.emit(EVENT, event_id="0190D0A2-0000-7000-8000-000000000001")
    assert sdk.flush(10)
    assert len(memory) == 1


def test_flush_raises_nothing_and_waits_for_nothing_when_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_FLUSH_TIMEOUT", "soon")
    assert sdk.flush()


def test_events_of_openlineage_python_are_taken(memory: list[dict[str, Any]]) -> None:
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

    run = Run(runId="0190d0a2-0000-7000-8000-000000000001")
    sdk.emit(
        RunEvent(
            eventTime="2026-11-24T10:00:00Z", run=run, job=Job("n", "j"), eventType=RunState.START, producer="https://p"
        )
    )
    assert sdk.flush(10)
    assert memory[0]["job"] == {"namespace": "n", "name": "j", "facets": {}}


def test_a_new_configuration_sends_what_the_former_had_and_ends_its_thread(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=10.0)
    former = current_client()
    sdk.emit(EVENT)
    worker = former._deliveries[0]._collector
    assert worker is not None
    sdk.configure(transport="none")
    wait_until(lambda: not worker.is_alive(), 10, "the former thread to end")
    assert len(hub_double.events) == 1
    former.emit(EVENT)
    assert former.flush(10)
    assert len(hub_double.events) == 2


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


def test_a_client_without_events_starts_no_thread() -> None:
    before = threading.enumerate()
    client = Client(LineageHubConfig(transport="none"))
    assert client.flush(0)
    assert threading.enumerate() == before


def test_events_emitted_just_before_the_end_are_flushed(hub_double: HubDouble) -> None:
    result = _run_script(
        "import lineagehub_sdk as sdk\nfor n in range(20): sdk.emit({'job': {'namespace': 'n', 'name': str(n)}})",
        LINEAGEHUB_URL=hub_double.url,
    )
    assert (result.returncode, complaints(result)) == (0, [])
    assert len(hub_double.events) == 20


def test_the_end_waits_no_longer_than_told_and_says_how_many_are_lost() -> None:
    result = _run_script(
        "import lineagehub_sdk as sdk\nfor n in range(3): sdk.emit({'job': {'namespace': 'n', 'name': str(n)}})",
        LINEAGEHUB_URL="http://127.0.0.1:1",
        LINEAGEHUB_FLUSH_TIMEOUT="0.6",
    )
    assert result.returncode == 0
    assert "sending 3 events (up to 0.6 s, Ctrl-C to skip)" in result.stderr
    assert "events lost: 3 not sent" in result.stderr


def test_without_a_hub_events_are_printed_and_one_warning_names_the_variable() -> None:
    code = "sdk.emit({'job': {'namespace': 'n', 'name': 'j'}}); sdk.flush()"
    for configured in ("", "sdk.configure(timeout=1); sdk.configure(timeout=2); "):
        result = _run_script(f"import lineagehub_sdk as sdk; {configured}{code}; {code}")
        lines = result.stderr.splitlines()
        assert sum("LINEAGEHUB_URL is not set" in line for line in lines) == 1
        assert json.loads(lines[-1])["job"]["name"] == "j"


@needs_fork
def test_a_forked_child_sends_its_own_events_and_not_its_parents(hub_double: HubDouble) -> None:
    result = _run_script(
        """
import os, sys
import lineagehub_sdk as sdk
sdk.configure(flush_interval=1.0)
sdk.emit({"job": {"namespace": "n", "name": "parent"}})
child = os.fork()
if child == 0:
    sdk.emit({"job": {"namespace": "n", "name": "child"}})
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        LINEAGEHUB_URL=hub_double.url,
    )
    assert (result.returncode, complaints(result)) == (0, [])
    assert sorted(hub_double.names) == ["child", "parent"]


@needs_fork
def test_a_forked_child_that_emits_nothing_ends_at_once_and_a_fork_in_mid_emit_leaves_no_lock_held() -> None:
    result = _run_script(
        """
import os, sys
import lineagehub_sdk as sdk
from lineagehub_sdk import _client
sdk.emit({"job": {"namespace": "n", "name": "parent"}})
with _client.current_client()._deliveries[0]._changed, _client._current_lock:
    child = os.fork()
    if child == 0:
        sys.exit(0 if sdk.flush(0) and sdk.configure(transport="none") else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        LINEAGEHUB_URL="http://127.0.0.1:1",
    )
    assert result.returncode == 0
    assert "events lost" not in result.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_flush_before_they_end(hub_double: HubDouble, method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import multiprocessing
import lineagehub_sdk as sdk

@sdk.lineage_track
def work(number):
    return number

if __name__ == "__main__":
    work(0)
    children = [multiprocessing.get_context({method!r}).Process(target=work, args=(n,)) for n in (1, 2)]
    for child in children: child.start()
    for child in children: child.join()
"""
    )
    environment = clean_environment() | {"LINEAGEHUB_URL": hub_double.url}
    result = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60)
    assert (result.returncode, complaints(result)) == (0, [])
    assert len(hub_double.events) == 6
    assert len({event["run"]["runId"] for event in hub_double.events}) == 3


def test_pauses_grow_are_jittered_and_never_shorter_than_asked_for() -> None:
    pauses = [[attempts.pause_seconds(attempt, None) for _ in range(20)] for attempt in range(12)]
    for attempt, several in enumerate(pauses):
        ceiling = min(attempts.FIRST_BACKOFF_SECONDS * 2**attempt, attempts.LONGEST_BACKOFF_SECONDS)
        assert all(ceiling / 2 <= pause <= ceiling for pause in several)
        assert len(set(several)) > 1
    assert all(10.0 <= attempts.pause_seconds(0, 10.0) <= 11.0 for _ in range(20))
