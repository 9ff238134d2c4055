"""compose.yaml and deploy/: the compose schema, the settings' names, the commands, pinned images, loopback ports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from pydantic import BaseModel

from lineagehub.cli import COMMANDS
from lineagehub.settings import Settings
from lineagehub_agents.agents import AGENTS
from tests.deploy.conftest import ROOT
from tests.support.missing import skip_or_fail

SCHEMA_MODULE = "github.com/compose-spec/compose-go/v2@v2.10.0"


def _setting_names(model: type[BaseModel], prefix: str) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= _setting_names(kind, f"{prefix}{name.upper()}_")
        else:
            names.add(f"{prefix}{name.upper()}")
    return names


def test_compose_fits_the_schema_of_the_compose_specification(compose: dict[str, Any]) -> None:
    if shutil.which("go") is None:
        skip_or_fail("the compose schema comes with a Go module, and Go is not installed")
    result = subprocess.run(
        ["go", "mod", "download", "-json", SCHEMA_MODULE], capture_output=True, text=True, timeout=300, cwd=ROOT.parent
    )
    if result.returncode:
        skip_or_fail(f"the Go module with the compose schema could not be fetched: {result.stdout[-300:]}")
    schema = json.loads((Path(json.loads(result.stdout)["Dir"]) / "schema" / "compose-spec.json").read_text())
    errors = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(compose)]
    assert not errors


def test_every_setting_named_in_deployment_files_exists_in_the_code() -> None:
    known = _setting_names(Settings, "LINEAGEHUB_") | {"LINEAGEHUB_API_KEY", "LINEAGEHUB_URL"}
    files = [ROOT / "compose.yaml", *(path for path in (ROOT / "deploy").rglob("*") if path.is_file())]
    for path in files:
        named = set(re.findall(r"LINEAGEHUB_[A-Z0-9_]+", path.read_text()))
        assert named <= known, f"{path.name}: {sorted(named - known)}"


def test_every_service_has_a_healthcheck_or_runs_once(compose: dict[str, Any]) -> None:
    once = {"topics", "migrate"}
    for name, service in compose["services"].items():
        assert ("healthcheck" in service) != (name in once), name


def test_hub_services_run_commands_and_agents_that_exist(compose: dict[str, Any]) -> None:
    agents = set(AGENTS)
    ran: set[str] = set()
    for service in compose["services"].values():
        if service["image"].startswith("lineagehub:"):
            assert service["command"][0] in COMMANDS
            ran |= set(service["command"][1:]) if service["command"][0] == "agent" else set()
    assert ran == agents


def test_images_are_pinned_and_ports_are_loopback(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.search(r":v?\d+\.\d+", service["image"]), name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_clickhouse_is_the_version_of_the_embedded_engine(compose: dict[str, Any]) -> None:
    image = compose["services"]["clickhouse"]["image"].rpartition(":")[2]
    embedded = re.search(r"^chdb-core==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert embedded is not None
    assert image == embedded.group(1)


def test_the_collector_is_the_version_that_the_tests_build(compose: dict[str, Any]) -> None:
    manifest = yaml.safe_load((ROOT / "tests" / "real" / "collector" / "builder.yaml").read_text())
    assert compose["services"]["collector"]["image"].rpartition(":")[2] == manifest["dist"]["version"]


def test_mounted_files_are_there_and_yaml_parses(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), source
    for path in (ROOT / "deploy").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text()) is not None, path.name
