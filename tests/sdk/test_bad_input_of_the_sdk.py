"""Section M of the catalogue of bad input: what must never reach a pipeline, row by row (M01 to M07)."""

from __future__ import annotations

import decimal
import enum
import http.server
import os
import pathlib
import ssl
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import current_client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import spool_segment
from lineagehub_sdk.errors import TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent
from lineagehub_sdk.transports.http import HttpTransport

from tests.sdk.conftest import HubDouble, Scripted, Spooling
from tests.support.certificates import make_certificate
from tests.support.waiting import wait_until

EVENT = {"job": {"namespace": "n", "name": "j"}}
PREPARED = PreparedEvent(b'{"job":{"namespace":"n","name":"j"}}', "0" * 32, b"job:n/j", 0)


class Unknown:
    """Says what it holds when asked, which nobody may."""

    def __repr__(self) -> str:
        raise AssertionError("a value's text may hold data: only its type is named")


class Colour(enum.StrEnum):
    RED = "red"


RECURSIVE: dict[str, Any] = {}
RECURSIVE["itself"] = RECURSIVE


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Unknown(), f"<{__name__}.Unknown>"),
        (b"bytes\xff", "bytes\\xff"),
        (datetime(2026, 11, 26, 1, 2, 3, tzinfo=UTC), "2026-11-26T01:02:03+00:00"),
        (date(2026, 11, 26), "2026-11-26"),
        (float("nan"), None),
        (float("inf"), None),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/data"), "/data"),
        (Colour.RED, "red"),
        ({1: {2}}, {"1": [2]}),
        ({("a", "b"): 1}, {"<builtins.tuple>": 1}),
        ((1, [Unknown], {"x": complex(1)}), [1, ["<builtins.type>"], {"x": "<builtins.complex>"}]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_m01_a_value_that_json_does_not_know_costs_neither_the_pipeline_nor_its_event(
    value: Any, written: Any, memory: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        sdk.emit({**EVENT, "value": value, "beside": 1})
    assert sdk.flush(10)
    assert memory == [{**EVENT, "value": written, "beside": 1}] * 2
    assert (current_client().coerced, current_client().refused) == (2, 0)
    assert caplog.text.count("values that JSON does not know") == 1


def test_m01_a_dict_that_holds_itself_ends_somewhere(memory: list[dict[str, Any]]) -> None:
    sdk.emit({**EVENT, "value": RECURSIVE})
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"deeper": deep}
    sdk.emit({**EVENT, "value": deep})
    assert sdk.flush(10)
    assert [event["job"] for event in memory] == [EVENT["job"]] * 2
    assert current_client().coerced == 2


def test_m01_what_is_no_event_is_dropped_and_counted(memory: list[dict[str, Any]]) -> None:
    sdk.emit({"job": {"namespace": "n"}, "value": Unknown()})
    sdk.emit(EVENT)
    assert sdk.flush(10)
    assert (len(memory), current_client().refused) == (1, 1)


def test_m01_what_the_caller_changes_after_emit_is_not_seen(memory: list[dict[str, Any]]) -> None:
    facets = {"facet": {"columns": ["a"]}}
    sdk.emit({**EVENT, "facets": facets})
    facets["facet"]["columns"].append("b")
    assert sdk.flush(10)
    assert memory == [{**EVENT, "facets": {"facet": {"columns": ["a"]}}}]


def _missing(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)


def _read_only(path: Path) -> None:
    path.mkdir(parents=True)
    path.chmod(0o500)


def _link(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.with_name("elsewhere").mkdir()
    path.symlink_to(path.with_name("elsewhere"))


def _file(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("not a directory")


@pytest.mark.parametrize("spoil", [_link, _file])
def test_m02_a_spool_that_cannot_be_used_leaves_bounded_memory_and_one_warning(
    spooling: Spooling, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01, queue_size=50)
    spoil(_spool_path())
    for number in range(80):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}})
    assert not sdk.flush(1.5)
    client = current_client()
    kept = client.in_memory
    # Those that are just being made JSON may count twice: then one too many is dropped, never one too few.
    assert 30 <= kept <= 50
    assert client.dropped == 80 - kept
    assert caplog.text.count("events wait in memory only") == 1
    assert spooling.files(".segment") == []
    spooling.hub.absent = False
    assert sdk.flush(30)
    assert len(set(spooling.hub.names)) == kept
    assert spooling.hub.names == sorted(spooling.hub.names, key=int)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it may not")
@pytest.mark.parametrize("spoil", [_missing, _read_only])
def test_m02_a_spool_that_may_not_be_written_leaves_memory(
    spooling: Spooling, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01)
    spoil(_spool_path())
    sdk.emit(EVENT)
    assert not sdk.flush(0.5)
    assert current_client().in_memory == 1
    assert caplog.text.count("events wait in memory only") == 1


def test_m02_a_full_spool_leaves_bounded_memory_and_what_is_on_disk_goes_first(
    spooling: Spooling, caplog: pytest.LogCaptureFixture
) -> None:
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01, spool_size=20_000, queue_size=40)
    client = current_client()
    total = 0
    while not client.dropped:
        sdk.emit({"job": {"namespace": "n", "name": str(total)}})
        total += 1
        wait_until(lambda: client.in_memory < 40 or "spool" in caplog.text, 20, "room")
    assert 0 < sum(path.stat().st_size for path in spooling.files()) <= 20_000
    assert caplog.text.count("events wait in memory only") == 1
    spooling.hub.absent = False
    assert sdk.flush(30)
    assert spooling.hub.names == [str(number) for number in range(total - client.dropped)]


def test_m02_a_segment_that_is_a_link_is_not_read_and_files_are_0600(spooling: Spooling, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"".join(spool_segment.encode([PREPARED])))
    sdk.configure(hub_endpoint=spooling.hub.url, flush_interval=0.01)
    path = _spool_path()
    path.mkdir(parents=True, mode=0o755)
    (path / "00000000000000000001-1.segment").symlink_to(secret)
    sdk.emit({"job": {"namespace": "n", "name": "mine"}})
    wait_until(lambda: any(not each.is_symlink() for each in spooling.files(".segment")), 20, "a segment")
    (segment,) = (each for each in spooling.files(".segment") if not each.is_symlink())
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    spooling.hub.absent = False
    assert sdk.flush(30)
    assert spooling.hub.names == ["mine"]
    assert secret.exists()


def _flip_a_bit(content: bytes) -> bytes:
    middle = content.index(b'"name":"5"')
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


def _lose_a_line_break(content: bytes) -> bytes:
    middle = content.index(b"\n", content.index(b'"name":"5"'))
    return content[:middle] + content[middle + 1 :]


def _tear_the_last_line(content: bytes) -> bytes:
    return content[:-20]


def _garbage_at_the_beginning(content: bytes) -> bytes:
    return b"\x00" * 100 + content[100:]


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (_flip_a_bit, {"5"}),
        (_lose_a_line_break, {"5", "6"}),
        (_tear_the_last_line, {"9"}),
        (_garbage_at_the_beginning, {"0"}),
    ],
)
def test_m03_of_a_damaged_segment_the_good_records_are_sent_and_the_others_kept_aside(
    spooling: Spooling, damage: Callable[[bytes], bytes], lost: set[str]
) -> None:
    spooling.run(
        "import lineagehub_sdk as sdk\n"
        "for number in range(10): sdk.emit({'job': {'namespace': 'n', 'name': str(number)}})"
    )
    (segment,) = spooling.files(".segment")
    segment.write_bytes(damage(segment.read_bytes()))
    spooling.hub.absent = False
    spooling.run("import lineagehub_sdk as sdk; sdk.emit({'job': {'namespace': 'n', 'name': 'next'}})")
    assert set(spooling.hub.names) == {str(number) for number in range(10)} - lost | {"next"}
    (aside,) = spooling.files()
    assert aside.suffix == ".corrupt"
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert all(f'"name":"{name}"'.encode() in aside.read_bytes() for name in lost - {"9", "0", "5"})


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(429, {"Retry-After": "-1"}),
        Scripted(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        Scripted(429, {"Retry-After": "soon"}),
        Scripted(503, {"Retry-After": ""}),
        Scripted(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"),
        Scripted(200, {}, b""),
        Scripted(204, {}, b""),
        Scripted(200, {}, b'{"accepted": 1}'),
        Scripted(200, {}, b'{"accepted": 5, "rejected": 0, "errors": []}'),
    ],
    ids=lambda answer: f"{answer.status}-{answer.headers.get('Retry-After', answer.body.decode()[:9])}",
)
def test_m04_a_useless_answer_keeps_the_events_and_is_asked_again_after_our_own_pause(
    hub_double: HubDouble, answer: Scripted
) -> None:
    hub_double.answers = [answer]
    transport = HttpTransport(LineageHubConfig(hub_endpoint=hub_double.url))
    with pytest.raises(TransportUnavailable) as raised:
        transport.send([PREPARED])
    assert raised.value.retry_after_seconds is None
    assert transport.send([PREPARED]) == []
    transport.close()


@pytest.mark.parametrize(("header", "seconds"), [("999999999", 3_600.0), ("0", 1.0), ("17", 17.0)])
def test_m04_a_wait_is_clamped_to_1_to_3600_seconds(hub_double: HubDouble, header: str, seconds: float) -> None:
    hub_double.answers = [Scripted(429, {"Retry-After": header})]
    transport = HttpTransport(LineageHubConfig(hub_endpoint=hub_double.url))
    with pytest.raises(TransportUnavailable) as raised:
        transport.send([PREPARED])
    assert raised.value.retry_after_seconds == seconds
    transport.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_m05_a_redirect_is_not_followed_so_the_key_goes_nowhere_else(hub_double: HubDouble, status: int) -> None:
    hub_double.answers = [Scripted(status, {"Location": hub_double.url.replace("127.0.0.1", "localhost")})]
    transport = HttpTransport(LineageHubConfig(hub_endpoint=hub_double.url, api_key="lh_key"))
    (refusal,) = transport.send([PREPARED])
    assert "redirects are not followed" in refusal.reason
    assert (hub_double.asked, hub_double.connections) == (1, 1)
    transport.close()


@pytest.fixture
def tls_hub(tmp_path: Path) -> Iterator[tuple[str, Path, list[bytes]]]:
    """A hub whose certificate nobody signed but itself; its address, its certificate, and the keys that it was told."""
    told: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.headers["Authorization"].encode())
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"accepted": 1, "rejected": 0, "errors": [], "namespace": "demo"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 the base class' name
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_file, ca_file = make_certificate(tmp_path)
    context.load_cert_chain(server_file)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", ca_file, told
    server.shutdown()
    thread.join()
    server.server_close()


def test_m06_a_certificate_that_is_not_trusted_is_refused_unless_explicitly_off(
    tls_hub: tuple[str, Path, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca_file, told = tls_hub
    strict = HttpTransport(LineageHubConfig(hub_endpoint=url, api_key="lh_key"))
    with pytest.raises(TransportUnavailable, match=r"certificate is not trusted.*LINEAGEHUB_TLS_VERIFY"):
        strict.send([PREPARED])
    assert told == []
    with monkeypatch.context() as trusting:
        trusting.setenv("SSL_CERT_FILE", str(ca_file))
        assert strict.send([PREPARED]) == []
    strict.close()
    monkeypatch.setenv("LINEAGEHUB_TLS_VERIFY", "false")
    careless = HttpTransport(sdk.configure(hub_endpoint=url, api_key="lh_key"))
    assert careless.send([PREPARED]) == []
    careless.close()
    assert told == [b"Bearer lh_key"] * 2


def test_m07_a_fork_after_the_start_an_exit_during_a_flush_and_a_kill_lose_and_double_nothing(
    spooling: Spooling,
) -> None:
    forking = spooling.start(
        """
import os, time
import lineagehub_sdk as sdk
def emit(name): sdk.emit({"job": {"namespace": "n", "name": name}})
emit("parent")
child = os.fork()
emit("child" if child == 0 else "parent after the fork")
if child: os.waitpid(child, 0)
sdk.flush(1)
raise SystemExit(0)
"""
    )
    output, _ = forking.communicate(timeout=60)
    assert forking.returncode == 0, output
    assert "lost" not in output
    assert spooling.waiting() == 3
    with spooling.start(
        """
import os, threading, time
import lineagehub_sdk as sdk
sdk.configure(flush_interval=0.05)
threading.Thread(target=sdk.flush, args=(600,), daemon=True).start()
for number in range(1_000): sdk.emit({"job": {"namespace": "n", "name": f"killed {number}"}})
time.sleep(600)
"""
    ) as killed:
        wait_until(lambda: spooling.waiting() == 1_003, 30, "all events to be on disk")
        killed.kill()
    spooling.hub.absent = False
    output = spooling.run("import lineagehub_sdk as sdk; sdk.emit({'job': {'namespace': 'n', 'name': 'last'}})")
    assert "lost" not in output
    expected = ["parent", "parent after the fork", "child", "last", *(f"killed {number}" for number in range(1_000))]
    assert sorted(spooling.hub.names) == sorted(expected)
    assert spooling.files() == []


def _spool_path() -> Path:
    from lineagehub_sdk._delivery.spool import spool_of

    spool = spool_of(current_client().config, "http")
    assert spool is not None
    return Path(spool.path)
