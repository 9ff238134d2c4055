"""The agent `alerts` as it runs: reads usage, dead letters and what agents say of themselves; raises what is due; has it sent.

Not a Faust app: it has no stream whose records are to be delivered, but four topics that it reads whole and a clock. Any number of
processes may run; one works, the others know all that it knows and stand by (leadership.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import structlog

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.contract.limits import DEFAULT_LIMITS
from lineagehub.contract.topics import AGENT_STATES, ALERTS, DEAD_LETTERS, USAGE
from lineagehub.errors import ConfigurationError, Retryable
from lineagehub.quota.usage_book import UsageBook
from lineagehub.settings import AlertsSettings
from lineagehub.webhooks.destinations import DestinationRules, ForbiddenDestination, require_destination
from lineagehub.webhooks.sealed import OpenWebhook, open_webhook, webhook_id
from lineagehub.webhooks.sender import WebhookSender
from lineagehub_agents.agent import AgentParts, TopicHealth
from lineagehub_agents.alerts.agent_health import AgentHealthWatch
from lineagehub_agents.alerts.courier import Courier, Recipient
from lineagehub_agents.alerts.dead_letters import DeadLetterReader, DeadLetterWatch
from lineagehub_agents.alerts.leadership import Leadership
from lineagehub_agents.alerts.outbox import Outbox
from lineagehub_agents.alerts.quota import QuotaWatch

log = structlog.get_logger(__name__)

NAME = "alerts"
ROUND_SECONDS = 1.0
TIDY = timedelta(minutes=10)
CONTACT_SECONDS = 30.0
"""A topic of agents' states that was not heard of for so long tells nothing of who is silent."""


class AlertsAgent:
    """One process of the agent `alerts`. Making it raises ConfigurationError when the operator's webhook leads where none may."""

    name = NAME

    def __init__(self, parts: AgentParts) -> None:
        kafka, self._alerts = parts.settings.kafka, parts.settings.alerts
        self._parts = parts
        book = UsageBook()
        self._quota = QuotaWatch(book, self._events_per_day)
        self._dead_letters = DeadLetterWatch(self._alerts.dead_letters)
        self._health = AgentHealthWatch(self._alerts)
        self._outbox = Outbox(parts.producer, kafka.topic_name(ALERTS))
        self._alerts_view = CompactedView(kafka, kafka.topic_name(ALERTS), self._outbox.apply)
        self._states_view = CompactedView(kafka, kafka.topic_name(AGENT_STATES), self._health.apply)
        usage_view = CompactedView(kafka, kafka.topic_name(USAGE), book.apply)
        self._views = (usage_view, self._states_view, self._alerts_view)
        self._reader = DeadLetterReader(kafka, kafka.topic_name(DEAD_LETTERS), self._dead_letters)
        self._leadership = Leadership(
            NAME, kafka.topic_name(ALERTS), kafka, parts.settings.agents, self._alerts_view, parts.producer
        )
        self._sender = WebhookSender(DestinationRules.of(self._alerts))
        self._courier = Courier(self._outbox, self._sender, self._alerts)
        _require_operator_webhook(self._alerts)
        self._stack = AsyncExitStack()
        self._working: list[asyncio.Task[None]] = []
        self._listening_since = datetime.now(UTC)
        self._tidied_at = datetime.min.replace(tzinfo=UTC)
        self._fault = ""

    async def start(self) -> None:
        """See Agent."""
        await self._stack.enter_async_context(self._sender)
        for view in self._views:
            await view.start()
            self._stack.push_async_callback(view.stop)
        await self._leadership.start()
        self._stack.push_async_callback(self._leadership.stop)
        for view in self._views:
            await view.wait_complete(None)
        await self._leadership.wait_joined()
        self._working = [
            asyncio.create_task(self._reader.follow_for_ever(), name="dead letters"),
            asyncio.create_task(self._work_for_ever(), name="alerts"),
        ]

    async def stop(self) -> None:
        """See Agent."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self._courier.stop()
        await self._stack.aclose()

    @property
    def is_ready(self) -> bool:
        """See Agent. Standing by is ready, too."""
        return self._leadership.has_joined and all(view.is_complete for view in self._views)

    @property
    def has_crashed(self) -> bool:
        """See Agent."""
        return any(task.done() and not task.cancelled() for task in self._working)

    @property
    def fault(self) -> str:
        """See Agent. A webhook that takes nothing is no fault of ours: its owner would not want the agent restarted for it."""
        return self._fault

    def topic_health(self) -> Mapping[str, TopicHealth]:
        """See Agent."""
        return {}

    async def _work_for_ever(self) -> None:
        while True:
            try:
                await self._work(datetime.now(UTC))
                self._fault = ""
            except Retryable as error:
                self._fault = str(error)
                log.warning("Alerts wait.", error=str(error))
            await asyncio.sleep(ROUND_SECONDS)

    async def _work(self, now: datetime) -> None:
        if self._states_view.seconds_since_contact > CONTACT_SECONDS:
            self._listening_since = now
        if not await self._leadership.leads():
            return
        recipients = list(self._recipients())
        audience = {(one.namespace, kind) for one in recipients for kind in one.webhook.alerts}
        # Without somebody to tell, an alert is not raised: who sets a webhook in the evening hears of the quota that is used up.
        await self._outbox.add(
            alert
            for alert in self._due(now)
            if (alert.namespace, alert.kind) in audience and self._outbox.is_new(alert)
        )
        self._courier.deliver(recipients, now)
        await self._tidy(now)

    def _due(self, now: datetime) -> Iterator[Alert]:
        yield from self._quota.due(now)
        yield from self._dead_letters.due(now)
        yield from self._health.due(now, self._listening_since)

    def _recipients(self) -> Iterator[Recipient]:
        directory, sealer = self._parts.directory, self._parts.sealer
        for namespace in list(directory.namespaces.values()):
            record = directory.webhooks(namespace)
            for webhook in record.webhooks if record is not None else ():
                opened = open_webhook(sealer, namespace.id, webhook)
                if opened is not None:
                    yield Recipient(namespace.name, opened)
        url = self._alerts.webhook_url.get_secret_value()
        if url:
            secret = self._alerts.webhook_secret.get_secret_value()
            identity = webhook_id(sealer, None, url)
            yield Recipient(None, OpenWebhook(identity, self._alerts.webhook_format, tuple(AlertKind), url, secret))

    def _events_per_day(self, name: str) -> int | None:
        directory = self._parts.directory
        namespace = directory.namespaces.get(name)
        if namespace is None:
            return None
        record = directory.limits(namespace)
        limit = record.limits.events_per_day if record is not None else None
        return limit if limit is not None else DEFAULT_LIMITS.events_per_day

    async def _tidy(self, now: datetime) -> None:
        if now - self._tidied_at < TIDY:
            return
        await self._outbox.forget_old(now)
        topic = self._parts.settings.kafka.topic_name(AGENT_STATES)
        for key in self._health.forgotten(now):
            await self._parts.producer.send(topic, None, key)
        self._tidied_at = now


def _require_operator_webhook(alerts: AlertsSettings) -> None:
    url = alerts.webhook_url.get_secret_value()
    try:
        if url:
            require_destination(url, DestinationRules.of(alerts))
    except ForbiddenDestination as error:
        raise ConfigurationError(
            f"LINEAGEHUB_ALERTS_WEBHOOK_URL {error}",
            "Correct it, or name its origin in LINEAGEHUB_ALERTS_TRUSTED_ORIGINS.",
        ) from error
