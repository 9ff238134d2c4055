"""What is sent to a webhook: one message for all alerts that are due, in Slack's form or in the hub's own JSON. Pure.

Texts may hold what a tenant chose, so in Slack's form nothing of them is markup: `&`, `<` and `>` are escaped, as Slack documents, which
leaves no `<!channel>` and no link; and an @ is followed by a space of no width, for those that only speak as Slack does (Mattermost reads
a bare `@channel`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lineagehub.contract.alerts import Alert
from lineagehub.contract.control import WebhookFormat

MAXIMUM_SLACK_LINES = 20
MAXIMUM_SLACK_TEXT = 4_000
"""Characters that Slack asks to keep to; it cuts at 40,000."""
MAXIMUM_LINE = 500
MAXIMUM_JSON_ALERTS = 200

SIGNATURE_HEADER = "lineagehub-signature"
MESSAGE_ID_HEADER = "lineagehub-message-id"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A body and the headers that go with it."""

    body: bytes
    headers: dict[str, str]


def message_of(form: WebhookFormat, alerts: Sequence[Alert], secret: str, at: datetime) -> Message:
    """Return the message that tells of all these alerts (one at least); beyond the largest count it says how many more there are."""
    if form is WebhookFormat.SLACK:
        return Message(_slack_body(alerts), {"Content-Type": "application/json; charset=utf-8"})
    shown = list(alerts[:MAXIMUM_JSON_ALERTS])
    message_id = _message_id(alerts)
    document = {
        "version": VERSION,
        "id": message_id,
        "sent_at": at.isoformat(),
        "alerts": [alert.model_dump(mode="json") for alert in shown],
        "omitted": len(alerts) - len(shown),
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", MESSAGE_ID_HEADER: message_id}
    if secret:
        headers[SIGNATURE_HEADER] = signature_of(body, secret, round(at.timestamp()))
    return Message(body, headers)


def signature_of(body: bytes, secret: str, timestamp: int) -> str:
    """Return `t={timestamp},v1={hex}`: HMAC-SHA256 over `{timestamp}.` and the body. A receiver refuses old timestamps."""
    digest = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
    return f"t={timestamp},v1={digest}"


def _message_id(alerts: Sequence[Alert]) -> str:
    return hashlib.sha256("".join(sorted(alert.id for alert in alerts)).encode()).hexdigest()[:32]


def _slack_body(alerts: Sequence[Alert]) -> bytes:
    lines = [_line(alert) for alert in alerts[:MAXIMUM_SLACK_LINES]]
    while len(lines) > 1 and len("\n".join(lines)) > MAXIMUM_SLACK_TEXT - 100:
        lines.pop()
    if len(lines) < len(alerts):
        lines.append(f"… and {len(alerts) - len(lines)} more")
    text = "\n".join(lines)
    document = {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    return json.dumps(document, ensure_ascii=False).encode()


def _line(alert: Alert) -> str:
    return f"[{_escaped(alert.namespace or 'hub')}] {_escaped(alert.text[:MAXIMUM_LINE])}"


def _escaped(text: str) -> str:
    single = " ".join(text.split())
    return single.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
