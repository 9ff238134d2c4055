"""The testing kit: a pytest plugin with the fixture `lineage`, which holds what the pipelines under test would have sent.

    def test_orders_are_loaded(lineage):
        load_orders("2026-11-26")
        lineage.assert_complete("load_orders", inputs=["s3://raw/orders"])

pytest loads it by itself. Time stands still (`lineage.clock.advance(seconds)`), run ids count up, and what is wrong with a dataset or
a facet is raised. Without the fixture nothing leaves a test either, unless it is marked `@pytest.mark.lineagehub_send`, or
LINEAGEHUB_SEND=true.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lineagehub_sdk import _client, _clock
from lineagehub_sdk._lineage.datasets import Datasets, several, to_openlineage
from lineagehub_sdk.transports.memory import MemoryTransport

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
MARKER = "lineagehub_send"
FLUSH_SECONDS = 10.0
TERMINAL = ("COMPLETE", "FAIL", "ABORT")


class Clock:
    """The time of events: 2026-01-01T00:00:00Z, until it is advanced."""

    def __init__(self) -> None:
        self._now = BEGIN

    def now(self) -> datetime:
        """Return the time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


class RecordedLineage:
    """What was emitted since the test began."""

    def __init__(self) -> None:
        self.clock = Clock()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events in order, as they would have been sent."""
        assert _client.flush(FLUSH_SECONDS), "lineagehub: the recorded events did not settle"
        return list(MemoryTransport.events)

    def events_of(self, job_name: str) -> list[dict[str, Any]]:
        """The events of a job. Fails when there are none, and says which jobs there are."""
        events = self.events
        found = [event for event in events if _job_of(event) == job_name]
        assert found, f"there is no event of job {job_name!r}; there are {_summary(events)}"
        return found

    def inputs(self, job_name: str) -> list[dict[str, Any]]:
        """The inputs that the last event of a job names."""
        return list(self.events_of(job_name)[-1].get("inputs", []))

    def outputs(self, job_name: str) -> list[dict[str, Any]]:
        """The outputs that the last event of a job names."""
        return list(self.events_of(job_name)[-1].get("outputs", []))

    def assert_complete(self, job_name: str, *, inputs: Datasets = None, outputs: Datasets = None) -> dict[str, Any]:
        """Assert that the last run of a job completed, with exactly these datasets if given; return the event."""
        event = self._ended(job_name, "COMPLETE")
        for name, expected in (("inputs", inputs), ("outputs", outputs)):
            if expected is not None:
                seen, named = _names(event.get(name, [])), _names(map(to_openlineage, several(expected)))
                assert seen == named, f"{name} of job {job_name!r} are {sorted(seen)}, not {sorted(named)}"
        return event

    def assert_failed(self, job_name: str, match: str = "") -> dict[str, Any]:
        """Assert that the last run of a job failed, with a message in which the pattern `match` is found; return the event."""
        event = self._ended(job_name, "FAIL")
        message = event["run"]["facets"]["errorMessage"]["message"]
        assert re.search(match, message), f"job {job_name!r} failed with {message!r}, which does not match {match!r}"
        return event

    def assert_aborted(self, job_name: str) -> dict[str, Any]:
        """Assert that the last run of a job was cancelled; return the event."""
        return self._ended(job_name, "ABORT")

    def assert_nothing(self) -> None:
        """Assert that there was no event."""
        events = self.events
        assert not events, f"there are {_summary(events)}"

    def clear(self) -> None:
        """Forget what was emitted so far."""
        assert self.events is not None
        MemoryTransport.events.clear()

    def _ended(self, job_name: str, event_type: str) -> dict[str, Any]:
        events = self.events_of(job_name)
        ended = [event for event in events if event.get("eventType") in TERMINAL]
        assert ended, f"no run of job {job_name!r} ended; there are {_summary(events)}"
        last = ended[-1]
        assert last["eventType"] == event_type, (
            f"the last run of job {job_name!r} did not end in {event_type}: there are {_summary(events)}"
        )
        return last


@pytest.fixture
def lineage(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedLineage]:
    """What the pipelines under test emit, recorded in memory; see `lineagehub_sdk.testing`."""
    recorded = RecordedLineage()
    counted = itertools.count(1)
    monkeypatch.setattr(_clock, "now", recorded.clock.now)
    monkeypatch.setattr(_clock, "new_id", lambda: f"00000000-0000-7000-8000-{next(counted):012d}")
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    MemoryTransport.events.clear()
    _client.reset_config()
    _client.configure(transport="memory", flush_interval=0.0, enable_lineage=True, disabled=False, dry_run=False)
    yield recorded
    _client.flush(FLUSH_SECONDS)
    _client.reset_config()
    MemoryTransport.events.clear()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; and say that this is pytest, as versions before 8.2 do not."""
    config.addinivalue_line("markers", f"{MARKER}: let the LineageHub SDK send in this test.")
    os.environ.setdefault("PYTEST_VERSION", pytest.__version__)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let a marked test send."""
    if item.get_closest_marker(MARKER) is None:
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINEAGEHUB_SEND", "true")
        _client.reset_config()
        try:
            return (yield)
        finally:
            _client.reset_config()


def _job_of(event: dict[str, Any]) -> str | None:
    return (event.get("job") or {}).get("name")


def _names(datasets: Any) -> set[str]:
    return {f"{dataset['namespace']} {dataset['name']}" for dataset in datasets}


def _summary(events: list[dict[str, Any]]) -> str:
    """Return each job with its events' types, and the message of the last failure."""
    jobs: dict[str, list[str]] = {}
    for event in events:
        facets = (event.get("run") or {}).get("facets", {})
        message = f" ({facets['errorMessage']['message']})" if "errorMessage" in facets else ""
        jobs.setdefault(str(_job_of(event)), []).append(f"{event.get('eventType', 'no run')}{message}")
    return "; ".join(f"{job}: {', '.join(types)}" for job, types in jobs.items()) or "no events at all"
