"""The configuration: who wins over whom, and that a wrong value is named and costs nothing but itself."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._config import ConfigurationArguments, LineageHubConfig, explain, resolve
from lineagehub_sdk._config_fields import FIELDS

from tests.support.hub import clean_environment


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
        ("LINEAGEHUB_RETRY_ATTEMPTS", "-1"),
        ("LINEAGEHUB_DEBUG", "maybe"),
        ("OPENLINEAGE__TRANSPORT__AUTH", "{nonsense"),
        ("OPENLINEAGE__TRANSPORT__AUTH", "[]"),
        ("OTEL_SDK_DISABLED", "perhaps"),
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


def _read(field: str, variable: str, text: str) -> tuple[Any, str]:
    config = resolve({}, {variable: text})
    return getattr(config, field), config.sources[field]


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("LINEAGEHUB_URL", "http://h", "hub_endpoint", "http://h"),
        ("LINEAGEHUB_HUB_ENDPOINT", "http://h", "hub_endpoint", "http://h"),
        ("LINEAGE_HUB_HUB_ENDPOINT", "http://h", "hub_endpoint", "http://h"),
        ("LINEAGE_HUB_ENDPOINT", "http://h", "hub_endpoint", "http://h"),
        ("OPENLINEAGE_URL", "http://h", "hub_endpoint", "http://h"),
        ("OPENLINEAGE__TRANSPORT__URL", "http://h", "hub_endpoint", "http://h"),
        ("LINEAGE_HUB_API_KEY", "k", "api_key", "k"),
        ("OPENLINEAGE_API_KEY", "k", "api_key", "k"),
        ("OPENLINEAGE__TRANSPORT__AUTH__API_KEY", "k", "api_key", "k"),
        ("OPENLINEAGE__TRANSPORT__AUTH", '{"type": "api_key", "apiKey": "k"}', "api_key", "k"),
        ("OPENLINEAGE__TRANSPORT__TYPE", "async_http", "transport", "http"),
        ("OPENLINEAGE__TRANSPORT__TYPE", "noop", "transport", "none"),
        ("OPENLINEAGE__TRANSPORT__TYPE", "console", "transport", "console"),
        ("OPENLINEAGE__TRANSPORT__TIMEOUT", "3", "timeout", 3.0),
        ("LINEAGE_HUB_NAMESPACE", "team", "namespace", "team"),
        ("OPENLINEAGE_NAMESPACE", "jobs", "job_namespace", "jobs"),
        ("LINEAGE_HUB_TIMEOUT", "30", "timeout", 30.0),
        ("LINEAGE_HUB_RETRY_ATTEMPTS", "0", "retry_attempts", 0),
        ("LINEAGE_HUB_RETRY_DELAY", "0.5", "retry_delay", 0.5),
        ("LINEAGE_HUB_ENABLE_TELEMETRY", "false", "enable_telemetry", False),
        ("OTEL_SDK_DISABLED", "true", "enable_telemetry", False),
        ("OTEL_SERVICE_NAME", "nightly", "service_name", "nightly"),
        ("LINEAGE_HUB_ENABLE_LINEAGE", "no", "enable_lineage", False),
        ("LINEAGE_HUB_AUTO_INSTRUMENT", "off", "auto_instrument", False),
        ("LINEAGE_HUB_BATCH_SIZE", "7", "batch_size", 7),
        ("LINEAGE_HUB_FLUSH_INTERVAL", "5", "flush_interval", 5.0),
        ("LINEAGE_HUB_DEBUG", "1", "debug", True),
        ("LINEAGE_HUB_DRY_RUN", "True", "dry_run", True),
        ("OPENLINEAGE_DISABLED", "true", "disabled", True),
        ("PYTEST_VERSION", "9.0", "send", False),
    ],
)
def test_aliases_say_the_same(variable: str, text: str, field: str, value: object) -> None:
    assert _read(field, variable, text) == (value, variable)


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_goes_by_its_variables_in_their_order_and_an_argument_wins(field: str) -> None:
    variables = [name for name in FIELDS[field][0] if "__" not in name and not name.startswith(("OTEL_", "PYTEST_"))]
    default = getattr(LineageHubConfig, field)
    first, second = ("true", "false") if isinstance(default, bool) else ("11", "12")
    both = dict.fromkeys(variables, second) | {variables[0]: first}
    assert resolve({}, both).sources[field] == variables[0]
    assert str(getattr(resolve({}, both), field)).removesuffix(".0").lower() == first
    assert resolve({field: second}, both).sources[field] == "argument"
    assert resolve({field: None}, both).sources[field] == variables[0]
    assert resolve({}, {}).sources[field] == "default"
    assert getattr(resolve({}, {}), field) == default


def test_each_field_is_an_attribute_an_argument_and_has_a_variable_of_ours() -> None:
    attributes = {entry.name for entry in dataclasses.fields(LineageHubConfig)} - {"sources"}
    assert attributes == set(FIELDS) == set(get_type_hints(ConfigurationArguments))
    assert all(variables[0].startswith("LINEAGEHUB_") for variables, _ in FIELDS.values())


def test_the_file_decides_after_the_environment_and_before_the_default(tmp_path: Path) -> None:
    path = tmp_path / "lineagehub" / "sdk.toml"
    path.parent.mkdir()
    path.write_text('hub_endpoint = "http://file"\ntimeout = 3\ntransport = ["file", "http"]\ndebug = true\n')
    for environment in ({"XDG_CONFIG_HOME": str(tmp_path)}, {"LINEAGEHUB_CONFIG": str(path)}):
        config = resolve({}, {**environment, "OPENLINEAGE__TRANSPORT__TIMEOUT": "4"})
        assert (config.hub_endpoint, config.timeout, config.transport, config.debug) == (
            "http://file",
            4,
            "file+http",
            True,
        )
        assert config.sources["hub_endpoint"] == f"file {path}"
        assert config.sources["timeout"] == "OPENLINEAGE__TRANSPORT__TIMEOUT"
    home = tmp_path / "home"
    (home / ".config" / "lineagehub").mkdir(parents=True)
    (home / ".config" / "lineagehub" / "sdk.toml").write_text('namespace = "home"\n')
    assert resolve({}, {"HOME": str(home)}).namespace == "home"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("oops", "reading the file"),
        ("nonsense = 1", "reading nonsense of"),
        ('timeout = "soon"', "reading timeout from file"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_and_costs_no_more(
    text: str, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "sdk.toml"
    path.write_text(text)
    assert resolve({}, {"LINEAGEHUB_CONFIG": str(path)}) == LineageHubConfig()
    assert says in caplog.text


def test_a_file_that_is_asked_for_and_is_not_there_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve({}, {"LINEAGEHUB_CONFIG": "/nowhere/sdk.toml"}) == LineageHubConfig()
    assert "/nowhere/sdk.toml" in caplog.text


def test_nothing_leaves_a_test_unless_asked() -> None:
    pytest_runs = {"PYTEST_VERSION": "9.0", "LINEAGEHUB_URL": "http://hub"}
    assert resolve({}, pytest_runs).effective_transport == "none"
    assert resolve({"hub_endpoint": "http://hub"}, pytest_runs).effective_transport == "none"
    assert resolve({"transport": "kafka"}, pytest_runs).effective_transport == "none"
    assert resolve({"transport": "file+http"}, pytest_runs).effective_transport == "file"
    assert resolve({"transport": "memory"}, pytest_runs).effective_transport == "memory"
    assert resolve({}, pytest_runs | {"LINEAGEHUB_SEND": "true"}).effective_transport == "http"
    assert resolve({"send": True}, pytest_runs).effective_transport == "http"


def test_a_dry_run_prints() -> None:
    assert resolve({"dry_run": True, "hub_endpoint": "http://hub"}, {}).effective_transport == "console"
    assert resolve({"dry_run": True, "disabled": True}, {}).effective_transport == "none"


def test_a_configuration_that_is_made_directly_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_HUB_ENDPOINT", "http://hub")
    config = LineageHubConfig(namespace="team", timeout=30)
    assert (config.hub_endpoint, config.namespace, config.timeout) == ("http://hub", "team", 30)
    assert dataclasses.replace(config, timeout=1).hub_endpoint == "http://hub"
    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(config) == hash(LineageHubConfig(namespace="team", timeout=30))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.timeout = 2  # type: ignore[misc]


def test_arguments_hold_on_until_the_configuration_is_reset() -> None:
    sdk.configure(transport="memory", timeout=3)
    assert sdk.configure(debug=True).timeout == 3
    assert sdk.get_config().debug
    assert sdk.configure(timeout=None).timeout == 3
    sdk.reset_config()
    assert (sdk.get_config().timeout, sdk.get_config().debug) == (10, False)


def test_the_known_arguments_of_configure_are_there() -> None:
    known = "hub_endpoint api_key namespace timeout retry_attempts retry_delay enable_telemetry enable_lineage auto_instrument"
    known += " batch_size flush_interval debug dry_run"
    assert set(known.split()) <= set(FIELDS)
    assert list(inspect.signature(sdk.configure).parameters) == ["arguments"]


def test_explaining_masks_what_is_set_and_secret() -> None:
    explained = {name: (value, source) for name, value, source in explain(resolve({"api_key": "secret"}, {}))}
    assert explained["api_key"] == ("***", "argument")
    assert explained["kafka_sasl_password"] == ("", "default")
    assert list(explained) == list(FIELDS)


def test_debug_shows_what_is_sent_where_no_logging_is_set_up() -> None:
    script = (
        "import lineagehub_sdk as sdk; sdk.configure(transport='memory', debug=True)\n"
        "sdk.emit({'job': {'namespace': 'n', 'name': 'j'}}); sdk.flush(10)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("", "lineagehub: memory took 1 events.\n")


@pytest.mark.parametrize("theirs", ["lineagehub_sdk.openlineage.LineageHubTransport", "kafka", "file", "datazone"])
def test_a_transport_that_only_openlineage_has_does_not_concern_us(theirs: str) -> None:
    environment = {"OPENLINEAGE__TRANSPORT__TYPE": theirs, "LINEAGEHUB_URL": "http://hub"}
    assert resolve({}, environment).effective_transport == "http"
    assert resolve({}, environment).sources["transport"] == "default"
