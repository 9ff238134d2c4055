"""The spool: what the hub does not take now waits on disk, and arrives once, in order, from whichever process is there to send it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import current_client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import spool, spool_segment, spool_share
from lineagehub_sdk.transports._transport import PreparedEvent

from tests.sdk.conftest import HubDouble, Scripted, Spooling
from tests.support.waiting import wait_until

EMIT = """
import time
import lineagehub_sdk as sdk
for number in range({first}, {last}):
    sdk.emit({{"job": {{"namespace": "n", "name": str(number)}}}})
"""


def _emit(first: int, last: int) -> str:
    return EMIT.format(first=first, last=last)


def _numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


def _event(number: int, text: str = "") -> PreparedEvent:
    body = b'{"job":{"namespace":"n","name":"%d"},"text":"%s"}' % (number, text.encode())
    return PreparedEvent(body, f"{number:032x}", f"job:n/{number}".encode(), 1_700_000_000_000 + number)


def _spool_at(path: Path, size: int = 100_000_000) -> spool_share.Spool:
    return spool_share.Spool(str(path), "http://hub", "key", size)


def _sent_all(spool: spool_share.Spool, *, own: bool) -> list[PreparedEvent]:
    taken: list[PreparedEvent] = []
    while events := spool.next_events(7, own=own):
        taken += events
        spool.sent(len(events), own=own, refused=[])
    return taken


def test_events_of_a_process_that_found_no_hub_are_sent_by_the_next_one_before_its_own(spooling: Spooling) -> None:
    output = spooling.run(_emit(0, 300))
    assert "300 events wait on disk" in output
    assert "lost" not in output
    spooling.hub.absent = False
    output = spooling.run(_emit(300, 310))
    assert "lost" not in output
    assert sorted(spooling.hub.names, key=int) == _numbers(0, 310)
    assert [name for name in spooling.hub.names if int(name) < 300] == _numbers(0, 300)
    assert spooling.files() == []


def test_a_loop_that_does_nothing_but_emit_loses_nothing_though_the_hub_is_away(spooling: Spooling) -> None:
    """Three times what the queue takes, ten times as fast as a hub could take it."""
    output = spooling.run(_emit(0, 30_000))
    assert "30000 events wait on disk" in output
    assert "lost" not in output


def test_events_arrive_in_order_and_once_when_the_hub_is_back(spooling: Spooling) -> None:
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01)
    for number in range(1_000):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}})
    wait_until(lambda: spooling.waiting() == 1_000, 20, "the events to be on disk")
    assert current_client().in_memory == 0
    spooling.hub.absent = False
    for number in range(1_000, 1_100):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}})
    assert sdk.flush(30)
    assert spooling.hub.names == _numbers(0, 1_100)
    assert spooling.files() == []


def test_while_the_hub_takes_events_nothing_is_written_to_disk(hub_double: HubDouble, tmp_path: Path) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    sdk.emit({"job": {"namespace": "n", "name": "job"}})
    assert sdk.flush(20)
    assert not (tmp_path / "state").exists()


def test_what_waits_for_a_slow_answer_is_on_disk_and_is_not_sent_twice(hub_double: HubDouble, tmp_path: Path) -> None:
    hub_double.answering.clear()
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    for number in range(50):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}})
    wait_until(lambda: Spooling(hub_double, tmp_path / "state").waiting() == 50, 20, "the events to be on disk")
    hub_double.answering.set()
    assert sdk.flush(20)
    assert hub_double.names == _numbers(0, 50)
    assert current_client().sent == 50


def test_a_flush_without_a_timeout_waits_no_longer_than_to_learn_that_the_hub_is_away(spooling: Spooling) -> None:
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01, flush_timeout=3_600.0)
    sdk.emit({"job": {"namespace": "n", "name": "job"}})
    assert not sdk.flush()
    assert spooling.waiting() == 1


def test_a_wait_that_the_hub_asks_for_is_spent_on_disk(hub_double: HubDouble, tmp_path: Path) -> None:
    hub_double.answers = [Scripted(429, {"Retry-After": "3600"})]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    sdk.emit({"job": {"namespace": "n", "name": "job"}})
    assert not sdk.flush()
    assert not sdk.flush()
    assert hub_double.asked == 1
    assert Spooling(hub_double, tmp_path / "state").waiting() == 1


def test_two_processes_share_a_spool_and_each_event_arrives_once(spooling: Spooling) -> None:
    writers = [spooling.start(_emit(first, first + 400) + "time.sleep(600)") for first in (0, 400)]
    try:
        wait_until(lambda: spooling.waiting() == 800, 30, "all events to be on disk")
        assert len(spooling.files(".segment")) >= 2
        spooling.hub.absent = False
        writers[0].kill()
        wait_until(lambda: len(set(spooling.hub.names)) >= 400, 60, "the living process to send its own")
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    spooling.run(_emit(800, 801))
    assert sorted(set(spooling.hub.names), key=int) == _numbers(0, 801)
    assert spooling.files() == []


def test_what_a_living_process_holds_is_nobody_elses_and_what_a_dead_one_left_is_one_process_alone(
    tmp_path: Path,
) -> None:
    living, first, second = (_spool_at(tmp_path / "spool") for _ in range(3))
    living.append([_event(1), _event(2)])
    assert not first.adopt()
    living.release()
    assert first.adopt()
    assert not second.adopt()
    assert _sent_all(first, own=False) == [_event(1), _event(2)]
    assert not second.adopt()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_child_that_closes_what_it_inherited_leaves_its_parents_lock(tmp_path: Path) -> None:
    parent = _spool_at(tmp_path / "spool")
    parent.append([_event(1)])
    child = os.fork()
    if child == 0:
        parent.close()
        os._exit(1 if _spool_at(tmp_path / "spool").adopt() else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not _spool_at(tmp_path / "spool").adopt()


def test_events_are_read_as_they_were_written_and_segments_are_filled_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_share, "SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(spool_share, "LINES_A_WRITE", 3)
    spool = _spool_at(tmp_path / "spool")
    events = [_event(number, "x" * 200) for number in range(60)]
    events.append(PreparedEvent(b'{"a":"b"}', "f" * 32, 'job:n/,"event":"ü'.encode(), 0))
    assert spool.append(events) == 61
    spool.sync()
    assert len(list((tmp_path / "spool").iterdir())) > 5
    assert _sent_all(spool, own=True) == events
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_spool_takes_no_more_than_its_size(tmp_path: Path) -> None:
    spool = _spool_at(tmp_path / "spool", size=50_000)

    def fill() -> None:
        for number in range(1_000):
            spool.append([_event(number)])

    with pytest.raises(OSError, match="the spool has its size of 50000 bytes"):
        fill()
    assert sum(path.stat().st_size for path in (tmp_path / "spool").iterdir()) <= 50_000
    written = spool.own
    assert 200 < written < 1_000
    assert _sent_all(spool, own=True) == [_event(number) for number in range(written)]


def test_directory_and_segments_are_the_users_alone(tmp_path: Path) -> None:
    spool = _spool_at(tmp_path / "state" / "spool" / "hub")
    spool.append([_event(1)])
    (segment,) = (tmp_path / "state" / "spool" / "hub").iterdir()
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert stat.S_IMODE(segment.parent.stat().st_mode) == 0o700


def test_each_destination_and_key_has_a_directory_of_its_own_and_no_secret_is_in_its_name() -> None:
    def path(config: LineageHubConfig) -> str:
        found = spool.spool_of(config, config.effective_transport)
        return found.path if found is not None else ""

    paths = [
        path(LineageHubConfig(hub_endpoint="http://hub", api_key="secret-1")),
        path(LineageHubConfig(hub_endpoint="http://hub", api_key="secret-2")),
        path(LineageHubConfig(hub_endpoint="http://user:secret@other", api_key="secret-1")),
        path(LineageHubConfig(hub_endpoint="http://hub", api_key="secret-1", namespace="n")),
        path(LineageHubConfig(kafka_brokers="kafka:9092", transport="kafka", api_key="secret-1")),
    ]
    assert len({*paths, ""}) == 6
    assert not any("secret" in each for each in paths)
    for transport in ("console", "memory", "none", "file"):
        assert path(LineageHubConfig(transport=transport, hub_endpoint="http://hub", file="f")) == ""
    assert spool.spool_of(LineageHubConfig(hub_endpoint="http://hub", spool_size=0), "http") is None


def test_status_send_and_purge_are_what_the_command_line_needs(spooling: Spooling) -> None:
    spooling.run(_emit(0, 120))
    config = LineageHubConfig(
        hub_endpoint=spooling.hub.url, api_key="lh_key", spool_directory=str(spooling.state / "lineagehub" / "spool")
    )
    directory = spool.spool_directory(config)
    (status,) = spool.spool_status(directory)
    assert (status.events, status.in_use, status.corrupt, status.destination) == (120, 0, 0, spooling.hub.url)
    (sent,) = spool.send_spool(config)
    assert sent.sent == 0
    assert "does not answer" in str(sent.error)
    spooling.hub.absent = False
    spooling.hub.answers = [Scripted(403, {}, b'{"detail": "The key is read-only."}')]
    progress: list[int] = []
    (sent,) = spool.send_spool(config, lambda so_far: progress.append(so_far.sent))
    assert (sent.sent, sent.refused, sent.error, progress) == (20, 100, None, [0, 20])
    (status,) = spool.spool_status(directory)
    assert (status.events, status.refused, status.segments) == (0, 100, 0)
    assert spool.purge_spool(directory) == 1
    assert spooling.files() == []


def test_purge_leaves_what_living_processes_hold(tmp_path: Path) -> None:
    living, dead = _spool_at(tmp_path / "hub"), _spool_at(tmp_path / "hub")
    living.append([_event(1)])
    dead.append([_event(2)])
    dead.release()
    (status,) = spool.spool_status(str(tmp_path))
    assert (status.events, status.in_use, status.segments) == (2, 1, 2)
    assert spool.purge_spool(str(tmp_path)) == 1
    assert _sent_all(living, own=True) == [_event(1)]


def test_a_segment_says_where_it_goes(tmp_path: Path) -> None:
    spool = _spool_at(tmp_path / "hub")
    spool.append([_event(1)])
    (segment,) = (tmp_path / "hub").iterdir()
    header = spool_segment.read_header(segment.read_bytes())
    assert header == {"spool": 1, "destination": "http://hub", "key_id": "key"}


def test_the_environment_chooses_directory_and_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LINEAGEHUB_SPOOL_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LINEAGEHUB_SPOOL_SIZE", "1000")
    config = sdk.configure(hub_endpoint="http://hub")
    assert spool.spool_directory(config) == str(tmp_path)
    assert config.spool_size == 1_000
