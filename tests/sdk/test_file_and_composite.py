"""The file transport, and several transports at once."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import current_client

from tests.sdk.conftest import HubDouble, Spooling
from tests.support.waiting import wait_until


def _emit(first: int, last: int) -> None:
    for number in range(first, last):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}})


def _names(path: Path) -> list[str]:
    return [json.loads(line)["job"]["name"] for line in path.read_text().splitlines()] if path.exists() else []


def test_events_are_appended_as_lines_to_a_file_of_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv("LINEAGEHUB_TRANSPORT", "file")
    monkeypatch.setenv("LINEAGEHUB_FILE", str(path))
    for first in (0, 150):
        sdk.configure(flush_interval=0.01)
        _emit(first, first + 150)
        assert sdk.flush(20)
    assert _names(path) == [str(number) for number in range(300)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "later" / "events.jsonl"
    sdk.configure(transport="file", file=str(path), flush_interval=0.01)
    _emit(0, 3)
    assert not sdk.flush(0.2)
    assert "LINEAGEHUB_FILE cannot be written" in caplog.text
    path.parent.mkdir()
    assert sdk.flush(20)
    assert _names(path) == ["0", "1", "2"]


def test_the_file_transport_without_a_file_names_the_variable(caplog: pytest.LogCaptureFixture) -> None:
    sdk.configure(transport="file", flush_interval=0.01)
    _emit(0, 1)
    assert sdk.flush(10)
    assert "the file transport needs LINEAGEHUB_FILE" in caplog.text


@pytest.mark.parametrize("transport", ["file+http", ["file", "http"]])
def test_each_of_several_transports_has_every_event(
    hub_double: HubDouble, tmp_path: Path, transport: str | list[str]
) -> None:
    path = tmp_path / "events.jsonl"
    sdk.configure(hub_endpoint=hub_double.url, transport=transport, file=str(path), flush_interval=0.01)
    _emit(0, 20)
    assert sdk.flush(20)
    assert hub_double.names == _names(path) == [str(number) for number in range(20)]
    assert (current_client().sent, current_client().pending) == (40, 0)


def test_a_transport_whose_other_side_is_away_keeps_no_other_waiting(spooling: Spooling, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sdk.configure(hub_endpoint=spooling.hub.url, transport="http+file", file=str(path), flush_interval=0.01)
    _emit(0, 20)
    wait_until(lambda: len(_names(path)) == 20 and spooling.waiting() == 20, 20, "the lines, and the events on disk")
    assert not sdk.flush()
    spooling.hub.absent = False
    assert sdk.flush(20)
    assert spooling.hub.names == _names(path)


def test_large_bodies_are_compressed_where_the_hub_takes_it(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.05)
    _emit(0, 1)
    assert sdk.flush(20)
    _emit(1, 100)
    assert sdk.flush(20)
    encodings = [headers.get("content-encoding") for headers, _ in hub_double.requests]
    assert (encodings[0], encodings[-1]) == (None, "gzip")


def test_a_hub_that_takes_no_gzip_is_asked_once_and_then_left_in_peace(hub_double: HubDouble) -> None:
    hub_double.takes_gzip = False
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.05)
    for first in (0, 100):
        _emit(first, first + 100)
        assert sdk.flush(20)
    assert hub_double.names == [str(number) for number in range(200)]
    assert hub_double.asked == len(hub_double.requests) + 1
