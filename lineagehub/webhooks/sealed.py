"""URL and secret of a webhook, sealed for the control topic and opened for sending. The URL of a Slack webhook is a secret in itself."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from uuid import UUID

from lineagehub.auth.sealing import Sealer
from lineagehub.contract.alerts import AlertKind
from lineagehub.contract.control import Webhook, WebhookFormat

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class OpenWebhook:
    """A webhook that can be sent to. `alerts` are the kinds that go there; an empty `secret` signs nothing."""

    id: str
    format: WebhookFormat
    alerts: tuple[AlertKind, ...]
    url: str
    secret: str = ""


def seal_webhook(sealer: Sealer, namespace_id: UUID, given: OpenWebhook, host: str) -> Webhook:
    """Return the webhook as it stands on the control topic, bound to its namespace and its id."""
    content = json.dumps({"url": given.url, "secret": given.secret}).encode()
    sealed = sealer.seal(content, _bound_to(namespace_id, given.id))
    return Webhook(id=given.id, format=given.format, host=host, alerts=given.alerts, sealed=sealed)


def open_webhook(sealer: Sealer, namespace_id: UUID, webhook: Webhook) -> OpenWebhook | None:
    """Return the webhook with URL and secret, or None if it was sealed under another secret key or for another namespace."""
    content = sealer.open(webhook.sealed, _bound_to(namespace_id, webhook.id))
    if content is None:
        return None
    document = json.loads(content)
    return OpenWebhook(webhook.id, webhook.format, webhook.alerts, document["url"], document["secret"])


def webhook_id(sealer: Sealer, namespace_id: UUID | None, url: str) -> str:
    """Return the id of a URL in a namespace (None: the hub): a MAC, as the URL is a secret."""
    return hmac.digest(sealer.webhook_key, f"{namespace_id}|{url}".encode(), "sha256").hex()[:_ID_DIGITS]


def _bound_to(namespace_id: UUID, identity: str) -> str:
    return f"webhook|{namespace_id}|{identity}"
