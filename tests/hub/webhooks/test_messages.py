"""What a webhook is sent: one message for many alerts, in which nothing that a tenant wrote is markup (bad input K06, K07)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.contract.control import WebhookFormat
from lineagehub.webhooks.messages import (
    MAXIMUM_JSON_ALERTS,
    MAXIMUM_SLACK_LINES,
    MAXIMUM_SLACK_TEXT,
    MESSAGE_ID_HEADER,
    SIGNATURE_HEADER,
    message_of,
)

NOW = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)


def alert(text: str = "81 % is used.", level: str = "80") -> Alert:
    return Alert(
        namespace="analytics",
        kind=AlertKind.QUOTA,
        level=level,
        period="2026-01-31",
        text=text,
        figures={"used": 81, "limit": 100},
        at=NOW,
    )


def slack_text(*alerts: Alert) -> str:
    return str(json.loads(message_of(WebhookFormat.SLACK, alerts, "", NOW).body)["text"])


def test_no_text_is_markup_or_a_mention_in_slacks_form() -> None:
    text = slack_text(alert("<!channel> <https://evil|click> <@U1> a & b @here\n@channel"))
    assert (
        text
        == "[analytics] &lt;!channel&gt; &lt;https://evil|click&gt; &lt;@\u200bU1&gt; a &amp; b @\u200bhere @\u200bchannel"
    )


def test_an_alert_of_the_hub_itself_says_so() -> None:
    assert slack_text(alert().model_copy(update={"namespace": None})).startswith("[hub] ")


def test_a_storm_is_one_message_that_says_how_many_more_there_are() -> None:
    storm = [alert(level=f"reason {number}") for number in range(10_000)]
    text = slack_text(*storm)
    assert text.splitlines()[-1] == f"… and {10_000 - MAXIMUM_SLACK_LINES:,} more".replace(",", "")
    document = json.loads(message_of(WebhookFormat.JSON, storm, "", NOW).body)
    assert (len(document["alerts"]), document["omitted"]) == (MAXIMUM_JSON_ALERTS, 10_000 - MAXIMUM_JSON_ALERTS)


def test_long_texts_stay_within_what_slack_takes() -> None:
    text = slack_text(*[alert("&" * 1_000)] * 10)
    assert len(text) <= MAXIMUM_SLACK_TEXT
    assert text.endswith("&amp;\n… and 9 more")


def test_json_is_the_contracts_alert_with_ids_by_which_a_repeat_is_told() -> None:
    message = message_of(WebhookFormat.JSON, [alert()], "", NOW)
    again = message_of(WebhookFormat.JSON, [alert()], "", NOW.replace(hour=15))
    assert json.loads(message.body) == {
        "version": 1,
        "id": hashlib.sha256(alert().id.encode()).hexdigest()[:32],
        "sent_at": "2026-01-31T14:05:00+00:00",
        "alerts": [
            {
                "id": hashlib.sha256(b"analytics|quota|80|2026-01-31").hexdigest()[:32],
                "namespace": "analytics",
                "kind": "quota",
                "level": "80",
                "period": "2026-01-31",
                "text": "81 % is used.",
                "figures": {"used": 81, "limit": 100},
                "at": "2026-01-31T14:05:00Z",
            }
        ],
        "omitted": 0,
    }
    assert message.headers[MESSAGE_ID_HEADER] == again.headers[MESSAGE_ID_HEADER] == json.loads(again.body)["id"]
    assert SIGNATURE_HEADER not in message.headers


def test_json_is_signed_with_the_secret_so_that_its_receiver_can_check_body_and_time() -> None:
    secret = "a secret of both sides"
    message = message_of(WebhookFormat.JSON, [alert()], secret, NOW)
    stated = dict(part.split("=") for part in message.headers[SIGNATURE_HEADER].split(","))
    expected = hmac.new(secret.encode(), f"{stated['t']}.".encode() + message.body, hashlib.sha256).hexdigest()
    assert (stated["t"], stated["v1"]) == (str(round(NOW.timestamp())), expected)
    assert secret.encode() not in message.body
