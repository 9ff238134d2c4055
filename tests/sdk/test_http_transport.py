"""The HTTP transport against a strict double: what each answer of a hub, or of something that is none, does to the events."""

from __future__ import annotations

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._client import current_client
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._delivery import attempts
from lineagehub_sdk._hub_connection import REQUEST_BYTES, Reply, requests_of
from lineagehub_sdk.errors import TransportRefused
from lineagehub_sdk.transports.http import HttpTransport

from tests.sdk.conftest import HubDouble, Scripted


def _emit(*names: str) -> None:
    for name in names:
        sdk.emit({"job": {"namespace": "n", "name": name}})


def _numbers(total: int) -> list[str]:
    return [str(number) for number in range(total)]


def test_events_go_in_order_in_batches_over_one_connection_with_the_key(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url + "/", api_key="lh_key", flush_interval=0.2)
    _emit(*_numbers(250))
    assert sdk.flush(20)
    assert hub_double.names == _numbers(250)
    assert max(len(body["events"]) for _, body in hub_double.requests) <= 100
    assert hub_double.connections == 1
    headers, body = hub_double.requests[0]
    assert headers["authorization"] == "Bearer lh_key"
    assert "namespace" not in body


def test_a_known_namespace_is_sent_so_that_the_wrong_key_is_noticed(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, namespace='team-"a"', flush_interval=0.01)
    _emit("job")
    assert sdk.flush(20)
    assert hub_double.requests[0][1]["namespace"] == 'team-"a"'


@pytest.mark.usefixtures("short_backoff")
def test_what_the_hub_does_not_take_now_is_sent_again(hub_double: HubDouble, caplog: pytest.LogCaptureFixture) -> None:
    hub_double.answers = [Scripted(status, {"Retry-After": "soon"}) for status in (408, 429, 502, 503, 504)]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    _emit("job")
    assert sdk.flush(20)
    assert (hub_double.asked, hub_double.names) == (6, ["job"])
    assert caplog.text.count("trying again") == 1


@pytest.mark.usefixtures("short_backoff")
def test_a_page_of_something_that_is_no_hub_is_no_success(hub_double: HubDouble) -> None:
    hub_double.answers = [
        Scripted(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"),
        Scripted(200, {}, b'{"accepted": 0, "errors": []}'),
        Scripted(201, {}, b"[]"),
    ]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    _emit("job")
    assert sdk.flush(20)
    assert (hub_double.asked, hub_double.names) == (4, ["job"])


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_what_the_hub_refuses_for_good_is_counted_and_its_reason_is_shown(
    hub_double: HubDouble, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    hub_double.answers = [Scripted(status, {}, b'{"detail": "The key is unknown."}')]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    _emit("job")
    assert sdk.flush(20)
    assert (current_client().refused, current_client().sent, hub_double.asked) == (1, 0, 1)
    assert f"{status}: The key is unknown." in caplog.text


def test_a_redirect_is_not_followed(hub_double: HubDouble, caplog: pytest.LogCaptureFixture) -> None:
    hub_double.answers = [Scripted(307, {"Location": hub_double.url + "/api/v1/lineage/ingest"})]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.01)
    _emit("job")
    assert sdk.flush(20)
    assert hub_double.asked == 1
    assert "redirects are not followed" in caplog.text


def test_an_event_that_the_receipt_refuses_costs_no_other(
    hub_double: HubDouble, caplog: pytest.LogCaptureFixture
) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.2)
    _emit("first", "invalid", "last")
    assert sdk.flush(20)
    assert (current_client().sent, current_client().refused) == (2, 1)
    assert "schema_invalid: The event is wrong." in caplog.text


def test_an_event_for_which_the_whole_body_is_refused_costs_no_other(hub_double: HubDouble) -> None:
    hub_double.refused_names = {"7"}
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.2)
    _emit(*_numbers(20))
    assert sdk.flush(20)
    assert hub_double.names == [name for name in _numbers(20) if name != "7"]
    assert (current_client().sent, current_client().refused) == (19, 1)


def test_large_events_are_spread_over_several_requests(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.2)
    for number in range(5):
        sdk.emit({"job": {"namespace": "n", "name": str(number)}, "text": "x" * (REQUEST_BYTES // 2)})
    assert sdk.flush(20)
    assert [len(body["events"]) for _, body in hub_double.requests] == [1, 1, 1, 1, 1]
    assert hub_double.names == _numbers(5)


def test_a_connection_that_was_closed_while_idle_is_opened_again_without_a_word(
    hub_double: HubDouble, caplog: pytest.LogCaptureFixture
) -> None:
    hub_double.closes_silently = True
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.0)
    for name in _numbers(3):
        _emit(name)
        assert sdk.flush(20)
    assert hub_double.names == _numbers(3)
    assert hub_double.connections == 3
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        (" 2 ", 2.0),
        ("0", 1.0),
        ("999999999", 3600.0),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
    ],
)
def test_a_wait_is_between_a_second_and_an_hour_or_our_own(header: str | None, seconds: float | None) -> None:
    assert Reply(429, header, b"").wait_seconds() == seconds


def test_a_named_wait_is_kept(hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[float | None] = []

    def pause(attempt: int, retry_after: float | None) -> float:
        asked_for.append(retry_after)
        return 0.0

    monkeypatch.setattr(attempts, "pause_seconds", pause)
    hub_double.answers = [Scripted(503, {"Retry-After": "7"}), Scripted(503)]
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=0.0)
    _emit("job")
    assert sdk.flush(20)
    assert (asked_for, hub_double.names) == ([7.0, None], ["job"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (LineageHubConfig(hub_endpoint="hub.example.com"), "LINEAGEHUB_URL"),
        (LineageHubConfig(hub_endpoint="ftp://hub"), "LINEAGEHUB_URL"),
        (LineageHubConfig(hub_endpoint="http://hub:port"), "LINEAGEHUB_URL"),
        (LineageHubConfig(hub_endpoint="http://hub", api_key="two\nlines"), "LINEAGEHUB_API_KEY"),
    ],
)
def test_a_wrong_address_or_key_names_its_variable(config: LineageHubConfig, words: str) -> None:
    with pytest.raises(TransportRefused, match=words):
        HttpTransport(config)


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([REQUEST_BYTES * 2], [1]),
        ([REQUEST_BYTES, 1], [1, 1]),
        ([1, REQUEST_BYTES, 1], [1, 1, 1]),
        ([1] * 1_000, [1_000]),
        ([1] * 2_001, [1_000, 1_000, 1]),
        ([REQUEST_BYTES // 2] * 5, [2, 2, 1]),
    ],
)
def test_a_request_holds_what_the_hub_and_a_slow_line_take(sizes: list[int], parts: list[int]) -> None:
    slices = list(requests_of(sizes))
    assert [len(sizes[part]) for part in slices] == parts
    assert [index for part in slices for index in range(len(sizes))[part]] == list(range(len(sizes)))
