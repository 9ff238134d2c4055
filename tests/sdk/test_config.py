"""The configuration: who wins over whom, and that a wrong value is named and costs nothing but itself."""

from __future__ import annotations

import pytest
from lineagehub_sdk._config import LineageHubConfig, resolve


def test_precedence_is_argument_then_ours_then_aliases_then_default() -> None:
    environment = {
        "LINEAGEHUB_URL": "http://ours",
        "LINEAGE_HUB_ENDPOINT": "http://former",
        "OPENLINEAGE_URL": "http://theirs",
        "OPENLINEAGE_API_KEY": "k",
        "OPENLINEAGE_NAMESPACE": "jobs",
    }
    assert resolve({"hub_endpoint": "http://argument"}, environment).hub_endpoint == "http://argument"
    assert resolve({}, environment).hub_endpoint == "http://ours"
    del environment["LINEAGEHUB_URL"]
    assert resolve({}, environment).hub_endpoint == "http://former"
    del environment["LINEAGE_HUB_ENDPOINT"]
    assert resolve({}, environment).hub_endpoint == "http://theirs"
    assert resolve({}, environment).api_key == "k"
    assert resolve({}, environment).job_namespace == "jobs"
    assert resolve({}, {}) == LineageHubConfig()


def test_the_transport_follows_from_what_is_set() -> None:
    url = {"LINEAGEHUB_URL": "http://hub"}
    assert resolve({}, {}).effective_transport == "console"
    assert resolve({}, url).effective_transport == "http"
    assert resolve({}, url | {"LINEAGEHUB_TRANSPORT": "kafka"}).effective_transport == "kafka"
    assert resolve({}, url | {"LINEAGEHUB_DISABLED": "true"}).effective_transport == "none"
    kept_on = {"LINEAGEHUB_DISABLED": "false", "OPENLINEAGE_DISABLED": "true"}
    assert resolve({}, url | kept_on).effective_transport == "http"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LINEAGEHUB_TIMEOUT", "soon"),
        ("LINEAGEHUB_TIMEOUT", "nan"),
        ("LINEAGEHUB_FLUSH_TIMEOUT", "-1"),
        ("LINEAGEHUB_FLUSH_INTERVAL", "inf"),
        ("LINEAGEHUB_QUEUE_SIZE", "0"),
        ("LINEAGEHUB_BATCH_SIZE", "1.5"),
    ],
)
def test_a_wrong_value_is_named_and_the_next_source_decides(
    variable: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve({}, {variable: value}) == LineageHubConfig()
    assert variable in caplog.text


def test_an_unknown_argument_is_named_and_the_others_hold(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve({"retries": 3, "timeout": 2}, {}).timeout == 2
    assert "retries" in caplog.text


def test_strict_mode_raises_for_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    with pytest.raises(ValueError, match="could not convert"):
        resolve({}, {"LINEAGEHUB_TIMEOUT": "soon"})


def test_the_configuration_never_shows_the_key() -> None:
    assert "secret" not in repr(LineageHubConfig(api_key="secret", kafka_sasl_password="secret"))


def test_blanks_around_a_key_are_not_part_of_it() -> None:
    assert resolve({}, {"LINEAGEHUB_API_KEY": " key\r\n"}).api_key == "key"
