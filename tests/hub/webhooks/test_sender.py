"""Sending to a webhook: nothing inside is reached, wherever a name or an answer leads (bad input K01 to K05); retries are told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.contract.control import WebhookFormat
from lineagehub.webhooks import sender as sending
from lineagehub.webhooks.destinations import DestinationRules, ForbiddenDestination, require_destination
from lineagehub.webhooks.messages import Message, message_of
from lineagehub.webhooks.sender import (
    CheckedResolver,
    WebhookRefused,
    WebhookSender,
    WebhookUnavailable,
    retry_after_seconds,
)
from tests.support.attacks import FORBIDDEN_WEBHOOKS
from tests.support.broker import free_port
from tests.support.fixed_resolver import FixedResolver
from tests.support.webhook_server import WebhookServer, webhook_server

NOW = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
ALERT = Alert(
    namespace="analytics", kind=AlertKind.QUOTA, level="80", period="2026-01-31", text="<!channel> 81 %", at=NOW
)
MESSAGE = message_of(WebhookFormat.SLACK, [ALERT], "", NOW)


@pytest.fixture
async def server() -> AsyncIterator[WebhookServer]:
    async with webhook_server() as running:
        yield running


def trusting(server: WebhookServer) -> WebhookSender:
    return WebhookSender(DestinationRules(trusted=frozenset({server.origin})))


async def test_a_message_in_slacks_form_is_taken_by_what_is_as_strict_as_slack(server: WebhookServer) -> None:
    async with trusting(server) as sender:
        assert await sender.send(server.slack, MESSAGE) == 200
    (received,) = server.received
    assert received.document["text"].startswith("[analytics] &lt;!channel&gt;")
    assert "Cookie" not in received.headers


async def test_what_slack_does_not_take_is_refused_for_good(server: WebhookServer) -> None:
    async with trusting(server) as sender:
        with pytest.raises(WebhookRefused) as caught:
            await sender.send(server.slack, Message(b'{"txt": 1}', {"Content-Type": "application/json"}))
    assert caught.value.status == 400


@pytest.mark.parametrize("url", FORBIDDEN_WEBHOOKS)
async def test_what_may_not_be_saved_is_not_sent_to_either(url: str) -> None:
    resolver = FixedResolver(["8.8.8.8"])
    async with WebhookSender(DestinationRules(), resolver) as sender:
        with pytest.raises(ForbiddenDestination):
            await sender.send(url, MESSAGE)
    assert resolver.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        ["8.8.8.8", "10.0.0.1"],
    ],
    ids=" ".join,
)
async def test_a_public_name_with_an_address_inside_is_not_connected_to(addresses: list[str]) -> None:
    async with WebhookSender(DestinationRules(), FixedResolver(addresses)) as sender:
        with pytest.raises(ForbiddenDestination, match="public address"):
            await sender.send("https://hooks.example.com/x", MESSAGE)


async def test_a_name_that_leads_inside_after_it_was_saved_is_not_connected_to() -> None:
    url = "https://rebinding.example.com/x"
    resolver = FixedResolver(["8.8.8.8"], ["127.0.0.1"])
    require_destination(url, DestinationRules())
    await resolver.resolve("rebinding.example.com")
    async with WebhookSender(DestinationRules(), resolver) as sender:
        with pytest.raises(ForbiddenDestination):
            await sender.send(url, MESSAGE)
    assert len(resolver.asked) == 2


async def test_the_connection_goes_to_the_address_that_was_looked_at_and_the_name_is_asked_for_once(
    server: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(sending, "require_public_address", looked_at.append)
    resolver = FixedResolver(["127.0.0.1"], ["192.0.2.1"])
    port = server.origin.rpartition(":")[2]
    session = sending._session(CheckedResolver(resolver))
    async with session, session.post(f"http://hooks.example.com:{port}/json", json={}) as answer:
        assert answer.status == 200
    assert (looked_at, resolver.asked) == (["127.0.0.1"], ["hooks.example.com"])
    assert server.received[0].headers["Host"] == f"hooks.example.com:{port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server: WebhookServer, status: int) -> None:
    server.answers = [(status, {"Location": f"{server.origin}/json"})]
    async with trusting(server) as sender:
        with pytest.raises(WebhookRefused) as caught:
            await sender.send(server.slack, MESSAGE)
    assert caught.value.status == status
    assert len(server.received) == 1


async def test_an_endless_body_is_not_read(server: WebhookServer) -> None:
    async with trusting(server) as sender:
        assert await sender.send(f"{server.origin}/drip", MESSAGE) == 200


async def test_who_does_not_answer_is_unavailable(server: WebhookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.2)
    async with trusting(server) as sender:
        with pytest.raises(WebhookUnavailable):
            await sender.send(f"{server.origin}/silence", MESSAGE)


async def test_who_is_not_there_is_unavailable() -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    async with WebhookSender(DestinationRules(trusted=frozenset({origin}))) as sender:
        with pytest.raises(WebhookUnavailable):
            await sender.send(f"{origin}/x", MESSAGE)


async def test_headers_without_end_are_unavailable(server: WebhookServer) -> None:
    server.answers = [(200, {"X-Long": "x" * 100_000})]
    async with trusting(server) as sender:
        with pytest.raises(WebhookUnavailable):
            await sender.send(server.slack, MESSAGE)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_fault_that_passes_is_to_be_repeated_when_the_webhook_says(server: WebhookServer, status: int) -> None:
    server.answers = [(status, {"Retry-After": "30"})]
    async with trusting(server) as sender:
        with pytest.raises(WebhookUnavailable) as caught:
            await sender.send(server.slack, MESSAGE)
    assert caught.value.retry_after_seconds == 30.0


async def test_a_proxy_of_the_environment_is_not_used(server: WebhookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with trusting(server) as sender:
        assert await sender.send(server.slack, MESSAGE) == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        ("-7", None),
        ("soon", None),
        ("9" * 400, 3_600.0),
        (format_datetime(NOW.replace(minute=6), usegmt=True), 60.0),
        (format_datetime(NOW.replace(minute=4), usegmt=True), 0.0),
        (format_datetime(NOW.replace(year=2030), usegmt=True), 3_600.0),
    ],
)
def test_retry_after_is_seconds_or_a_moment_and_an_hour_at_most(text: str, seconds: float | None) -> None:
    assert retry_after_seconds(text, NOW) == seconds
