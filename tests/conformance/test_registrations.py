"""Every component file is in the one list of its folder: a topic, processor, sink, endpoint, command or transport cannot be forgotten."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import lineagehub_agents.processors
import lineagehub_agents.sinks
import lineagehub_sdk.transports
import pytest
from lineagehub_agents.agents import AGENTS
from lineagehub_agents.flows import FLOWS

import lineagehub.cli
import lineagehub.contract.topics
import lineagehub.web.admin
import lineagehub.web.marquez
import lineagehub.web.ops
import lineagehub.web.queries
import lineagehub.web.receivers
from lineagehub.contract.topics import TOPICS
from lineagehub.embedded.stack import AGENT_TOPICS
from lineagehub.settings import MarquezSettings, Settings
from lineagehub.web.endpoints import ENDPOINTS
from tests.support.signing import Tenancy


def _files(package: ModuleType) -> set[str]:
    folder = Path(package.__path__[0])
    return {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}


def _modules(things: list[object]) -> set[str]:
    found = [inspect.getmodule(thing) for thing in things]
    return {module.__name__.rpartition(".")[2] for module in found if module is not None}


def test_topics() -> None:
    text = Path(lineagehub.contract.topics.__path__[0], "__init__.py").read_text()
    assert all(f"topics.{name} import" in text for name in _files(lineagehub.contract.topics))
    assert len(TOPICS) == len(_files(lineagehub.contract.topics))


def test_commands() -> None:
    assert _files(lineagehub.cli) == {name.replace("-", "_") for name in lineagehub.cli.COMMANDS}


def test_transports() -> None:
    assert _files(lineagehub_sdk.transports) == set(lineagehub_sdk.transports.TRANSPORTS)


def test_sinks() -> None:
    """A sink is a file, or a folder of files when it has several jobs."""
    settings = Settings(marquez=MarquezSettings(url="http://127.0.0.1:1"))
    sinks = [type(route.sink(settings, Tenancy().directory)).__module__ for flow in FLOWS for route in flow.routes]
    package = lineagehub_agents.sinks.__name__
    folders = {path.parent.name for path in Path(lineagehub_agents.sinks.__path__[0]).glob("*/__init__.py")}
    assert _files(lineagehub_agents.sinks) | folders == {
        name.removeprefix(f"{package}.").split(".")[0] for name in sinks
    }


def test_topics_that_a_stop_waits_for() -> None:
    of_flows = {flow.name: tuple(route.topic for route in flow.routes) for flow in FLOWS}
    assert {name: of_flows.get(name, ()) for name in AGENTS} == AGENT_TOPICS


def test_processors() -> None:
    processors: list[object] = [route.processor for flow in FLOWS for route in flow.routes]
    assert _files(lineagehub_agents.processors) - {"verification"} == _modules(processors)


@pytest.mark.parametrize(
    "package",
    [
        lineagehub.web.admin,
        lineagehub.web.receivers,
        lineagehub.web.queries,
        lineagehub.web.marquez,
        lineagehub.web.ops,
    ],
)
def test_endpoints(package: ModuleType) -> None:
    """A file is registered when it serves an endpoint, or when one that does imports it. `endpoints` is a list of them."""
    sources = [inspect.getsourcefile(endpoint.handler) or "" for endpoint in ENDPOINTS]
    texts = [Path(path).read_text() for path in {*sources, *map(str, Path(package.__path__[0]).glob("*.py"))}]
    serving = {Path(path).stem for path in sources}
    imported = {name for name in _files(package) if any(f"{package.__name__}.{name} import" in text for text in texts)}
    assert _files(package) - {"endpoints"} <= serving | imported
