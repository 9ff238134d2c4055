"""Sets, shows and tries the webhooks of a namespace, audited. Called by the web's management routes.

Neither URL nor secret is ever given back or audited: the host is all that is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from lineagehub.auth.sealing import Sealer
from lineagehub.broker.audit import AuditLog, Origin
from lineagehub.contract.alerts import NAMESPACE_KINDS, Alert, AlertKind
from lineagehub.contract.audit import Action
from lineagehub.contract.control import NamespaceRecord, Webhook, WebhooksRecord
from lineagehub.contract.keys import webhooks_key
from lineagehub.contract.management import NewWebhook
from lineagehub.errors import Retryable
from lineagehub.management.audited import audited
from lineagehub.management.control_plane import ControlPlane
from lineagehub.management.refusals import WebhookForbidden
from lineagehub.management.revising import Expected, require_revision, revise
from lineagehub.webhooks.destinations import DestinationRules, ForbiddenDestination, require_destination
from lineagehub.webhooks.messages import message_of
from lineagehub.webhooks.sealed import OpenWebhook, open_webhook, seal_webhook, webhook_id
from lineagehub.webhooks.sender import WebhookRefused, WebhookSender


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test message. `status` is None where no answer came."""

    webhook: Webhook
    outcome: Literal["sent", "refused", "unreachable"]
    status: int | None = None


class WebhooksManager:
    """Webhooks, on behalf of somebody. Calls may be concurrent, also in other processes."""

    def __init__(self, control: ControlPlane, audit: AuditLog, sealer: Sealer, rules: DestinationRules) -> None:
        self._control = control
        self._audit = audit
        self._sealer = sealer
        self._rules = rules

    def of(self, namespace: NamespaceRecord) -> WebhooksRecord:
        """Return what is set for a namespace. Where nothing is, that is an empty record of the revision that the next change follows."""
        record = self._control.directory.webhooks(namespace)
        if record is not None:
            return record
        former = self._control.directory.record(webhooks_key(namespace.name))
        return WebhooksRecord(
            revision=former.revision if former else 1,
            namespace=namespace.name,
            namespace_id=namespace.id,
            updated_at=namespace.created_at,
        )

    async def set(
        self, origin: Origin, namespace: NamespaceRecord, given: Sequence[NewWebhook], expected: Expected = None
    ) -> WebhooksRecord:
        """Set all webhooks of a namespace anew. Raises WebhookForbidden, RevisionConflict, Unavailable."""
        wanted = [self._opened(namespace, index, webhook) for index, webhook in enumerate(given)]
        sealed = tuple(seal_webhook(self._sealer, namespace.id, webhook, host) for webhook, host in wanted)

        def change(record: WebhooksRecord) -> WebhooksRecord:
            if self._open_all(namespace, record) == [webhook for webhook, _ in wanted]:
                return record
            return WebhooksRecord(
                revision=record.revision + 1,
                namespace=namespace.name,
                namespace_id=namespace.id,
                webhooks=sealed,
                updated_at=datetime.now(UTC),
            )

        held = self.of(namespace)
        require_revision(held.revision, expected)
        if change(held) is held:
            return held
        detail: dict[str, str | int] = {"hosts": " ".join(webhook.host for webhook in sealed)}
        async with audited(self._audit, origin, Action.WEBHOOKS_SET, namespace.name, detail) as result:
            record = await revise(self._control, lambda: self.of(namespace), change, expected)
            result["revision"] = record.revision
        return record

    async def test(self, origin: Origin, namespace: NamespaceRecord) -> list[Trial]:
        """Send a test message to each webhook at once; return what became of them, 5 s later at most. Raises Unavailable."""
        record = self.of(namespace)
        now = datetime.now(UTC)
        alert = Alert(
            namespace=namespace.name,
            kind=AlertKind.QUOTA,
            level="test",
            period=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            text="This is a test: alerts of this namespace arrive here.",
            at=now,
        )
        async with (
            audited(self._audit, origin, Action.WEBHOOKS_TEST, namespace.name, {}) as result,
            WebhookSender(self._rules) as sender,
        ):
            trials = await asyncio.gather(
                *(self._try(sender, namespace, webhook, alert) for webhook in record.webhooks)
            )
            result["sent"] = sum(trial.outcome == "sent" for trial in trials)
        return trials

    async def _try(self, sender: WebhookSender, namespace: NamespaceRecord, webhook: Webhook, alert: Alert) -> Trial:
        opened = open_webhook(self._sealer, namespace.id, webhook)
        if opened is None:
            return Trial(webhook, "unreachable")
        try:
            message = message_of(opened.format, [alert], opened.secret, alert.at)
            return Trial(webhook, "sent", await sender.send(opened.url, message))
        except WebhookRefused as refused:
            return Trial(webhook, "refused", refused.status)
        except (Retryable, ForbiddenDestination):
            # One answer for both: a tenant learns nothing of names and ports inside.
            return Trial(webhook, "unreachable")

    def _opened(self, namespace: NamespaceRecord, index: int, given: NewWebhook) -> tuple[OpenWebhook, str]:
        try:
            url = require_destination(given.url, self._rules)
        except ForbiddenDestination as error:
            raise WebhookForbidden(f"/webhooks/{index}/url", str(error)) from error
        identity = webhook_id(self._sealer, namespace.id, given.url)
        kinds = tuple(kind for kind in NAMESPACE_KINDS if kind.value in given.alerts)
        secret = given.secret.get_secret_value() if given.secret else ""
        return OpenWebhook(identity, given.format, kinds, given.url, secret), url.host or ""

    def _open_all(self, namespace: NamespaceRecord, record: WebhooksRecord) -> list[OpenWebhook | None]:
        return [open_webhook(self._sealer, namespace.id, webhook) for webhook in record.webhooks]
