"""Brings waiting alerts to webhooks: the first at once, and those of the minute after it together in one message at its end.

Each webhook has its own pace and its own backoff, so one that is slow or dead delays no other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from lineagehub.contract.alerts import Alert
from lineagehub.errors import Retryable
from lineagehub.settings import AlertsSettings
from lineagehub.webhooks.destinations import ForbiddenDestination
from lineagehub.webhooks.messages import message_of
from lineagehub.webhooks.sealed import OpenWebhook
from lineagehub.webhooks.sender import WebhookRefused, WebhookSender
from lineagehub_agents.alerts.outbox import Outbox

log = structlog.get_logger(__name__)

AT_ONCE = 20
"""Messages on their way at the same time: a hundred dead webhooks take 25 s a round."""
FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 900.0

_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A webhook and whose it is; None: the hub's operator."""

    namespace: str | None
    webhook: OpenWebhook


class Courier:
    """Sends what waits. `deliver` is called every second by the leader."""

    def __init__(self, outbox: Outbox, sender: WebhookSender, alerts: AlertsSettings) -> None:
        self._outbox = outbox
        self._sender = sender
        self._pause = timedelta(seconds=alerts.message_seconds)
        self._expire = timedelta(seconds=alerts.expire_seconds)
        self._not_before: dict[str, datetime] = {}
        self._failures: dict[str, int] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def failing(self) -> int:
        """How many webhooks did not take their last message and are tried again."""
        return len(self._failures)

    def deliver(self, recipients: Iterable[Recipient], now: datetime) -> None:
        """Begin a message to each recipient for whom something waits and whose time has come. Returns at once."""
        self._sending = {identity: task for identity, task in self._sending.items() if not task.done()}
        for recipient in recipients:
            webhook = recipient.webhook
            if webhook.id in self._sending:
                continue
            waiting = self._outbox.waiting_for(webhook.id, recipient.namespace, webhook.alerts)
            if waiting and now >= self._due_at(recipient, now):
                task = asyncio.create_task(self._deliver(webhook, waiting, now), name=f"webhook {webhook.id}")
                self._sending[webhook.id] = task

    async def stop(self) -> None:
        """Give up what is on its way; it is sent again by whoever leads next. May be repeated."""
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    def _due_at(self, recipient: Recipient, now: datetime) -> datetime:
        identity = recipient.webhook.id
        if identity not in self._not_before:
            last = self._outbox.last_sent(identity, recipient.namespace)
            self._not_before[identity] = last + self._pause if last is not None else now
        return self._not_before[identity]

    async def _deliver(self, webhook: OpenWebhook, alerts: list[Alert], now: datetime) -> None:
        self._not_before[webhook.id] = now + self._pause
        try:
            async with self._slots:
                await self._send(webhook, alerts, now)
        except Retryable as error:
            # Kafka does not take the note: it is in memory, and so sent twice only if we die now.
            log.warning("What became of a message is not on Kafka.", webhook=webhook.id, error=str(error))

    async def _send(self, webhook: OpenWebhook, alerts: list[Alert], now: datetime) -> None:
        expired = [alert for alert in alerts if alert.at < now - self._expire]
        if expired:
            log.error("Alerts could not be sent and are given up.", webhook=webhook.id, alerts=len(expired))
            await self._outbox.note_delivered(expired, webhook.id, "expired", now)
        fresh = [alert for alert in alerts if alert.at >= now - self._expire]
        if not fresh:
            return
        try:
            await self._sender.send(webhook.url, message_of(webhook.format, fresh, webhook.secret, now))
        except (WebhookRefused, ForbiddenDestination) as error:
            log.error("A webhook does not take alerts.", webhook=webhook.id, alerts=len(fresh), error=str(error))
            self._failures.pop(webhook.id, None)
            await self._outbox.note_delivered(fresh, webhook.id, "refused", now)
        except Retryable as error:
            self._back_off(webhook.id, now, error.retry_after_seconds)
            log.warning("A webhook takes nothing now; trying again.", webhook=webhook.id, error=str(error))
        else:
            self._failures.pop(webhook.id, None)
            log.info("Alerts were sent.", webhook=webhook.id, alerts=len(fresh))
            await self._outbox.note_delivered(fresh, webhook.id, "sent", now)

    def _back_off(self, identity: str, now: datetime, retry_after_seconds: float | None) -> None:
        failures = self._failures[identity] = self._failures.get(identity, 0) + 1
        delay = min(FIRST_DELAY_SECONDS * 2 ** min(failures - 1, 20), LONGEST_DELAY_SECONDS)
        pause = max(_jitter.uniform(delay / 2, delay), retry_after_seconds or 0.0)
        self._not_before[identity] = now + timedelta(seconds=pause)
