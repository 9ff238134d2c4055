"""The OpenTelemetry JS application of the tests, with the packages of its package-lock.json. Needs Node 18.19 or newer, and npm."""

from __future__ import annotations

from pathlib import Path

from tests.support import node_packages
from tests.support.node_packages import NodeMissing

__all__ = ["APPLICATION", "NodeMissing", "node_modules"]

APPLICATION = Path(__file__).parents[1] / "e2e" / "opentelemetry_js"


def node_modules() -> Path:
    """Return the folder of the installed packages, for NODE_PATH; install them if they are not there. Raises NodeMissing."""
    return node_packages.node_modules(APPLICATION, "opentelemetry-js", "18.19")
