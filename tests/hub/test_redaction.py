"""API keys lose their secret wherever a log line may hold them, and nothing else is changed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lineagehub.auth.api_keys import make_api_key
from lineagehub.telemetry.redaction import redact, redact_bytes

KEY = make_api_key("prod")
PROGRAM = """
import logging, sys
import structlog
from lineagehub.telemetry.logs import configure_logging
configure_logging("debug", "test")
key = sys.argv[1]
structlog.get_logger("ours").info(f"said {key}", path=f"/a/{key}", nested={"a": [key, {"b": (key,)}]}, odd=RuntimeError(key), n=1)
logging.getLogger("theirs").warning("said %s", key)
for logger in (structlog.get_logger("ours"), logging.getLogger("theirs")):
    try:
        raise ValueError(f"cannot take {key}")
    except ValueError:
        logger.exception("failed")
"""


@pytest.mark.parametrize("around", ["{}", "Bearer {}", "/x/{}/y?key={}", "{}{}", "'{}'", "é{}é"])
def test_a_key_keeps_its_id_and_loses_its_secret(around: str) -> None:
    text = around.replace("{}", KEY.text)
    redacted = around.replace("{}", f"lh_prod_{KEY.kid}_…")
    assert redact(text) == redacted
    assert redact_bytes(text.encode()) == redacted.replace("…", "...").encode()


def test_a_key_that_was_cut_or_mistyped_is_redacted_too() -> None:
    for text in (KEY.text[:40], KEY.text[:-1], KEY.text + "x"):
        assert KEY.secret[:12] not in redact(text)


@pytest.mark.parametrize(
    "text", ["", "lh_", "lh_orders_20260101_total", f"lh_prod_{KEY.kid}", KEY.kid, "health_lh_check", "a" * 100]
)
def test_what_is_no_key_stays(text: str) -> None:
    assert redact(text) == text
    assert redact_bytes(text.encode()) == text.encode()


def test_no_place_of_a_log_line_keeps_a_secret() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM, KEY.text], capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["info", "warning", "error", "error"]
    assert KEY.secret[:12] not in result.stderr
    assert all(KEY.kid in json.dumps(line) for line in lines)
    assert lines[0]["nested"] == {"a": [f"lh_prod_{KEY.kid}_…", {"b": [f"lh_prod_{KEY.kid}_…"]}]}
    assert (lines[0]["n"], lines[1]["event"]) == (1, f"said lh_prod_{KEY.kid}_…")
