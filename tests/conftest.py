"""How the tests are shared out over processes (`-n`): what uses one hub, or one web, stays together; the long ones begin first.

And where their data are: in memory, where there is enough of it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent
TOGETHER = ("e2e", "hub/web")
"""Folders whose tests share what takes seconds to start. Of all others each file is by itself."""

SLOW = (
    "deploy",
    "e2e/test_deletion.py",
    "e2e/test_openlineage_python.py",
    "e2e/test_otlp_senders.py",
    "e2e/test_retention.py",
    "e2e/test_secrets.py",
    "e2e/test_tenancy.py",
    "hub/cli",
    "hub/store/test_deletion.py",
    "hub/store/test_marquez_versions.py",
    "hub/store/test_retention.py",
    "hub/web/management",
    "hub/web/marquez",
    "hub/web/test_every_route.py",
    "hub/web/test_reader_user.py",
)
"""Folders and files that are slow as a whole, most of it for what they start: left to `make test-slow`, as what is marked by itself."""

SLOW_SECONDS = 600
"""A ledger of kill -9 takes 100 s on an idle machine."""

MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30


def pytest_configure() -> None:
    """Keep the tests' data in memory: on a disk, making the files of ClickHouse's parts can be a third of what an insert costs."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give the slow ones their mark; later would be too late, as it is read at the end of the collection."""
    if _relative(item.path).startswith(SLOW):
        item.add_marker(pytest.mark.slow)
    if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the groups of TOGETHER first, in that order."""
    items.sort(key=lambda item: _rank(item.path))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # pytest-xdist ships no types
    """Hands out whole groups. The plugin's own `loadgroup` takes no notice of groups with pytest 9.2 (its issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(ROOT.parent / nodeid.split("::", 1)[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    """Let a group's tests run in one process."""
    return GroupScheduling(config, log)


def _group(path: Path) -> str:
    relative = _relative(path)
    return next((folder for folder in TOGETHER if relative.startswith(f"{folder}/")), relative)


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _rank(path: Path) -> int:
    group = _group(path)
    return TOGETHER.index(group) if group in TOGETHER else len(TOGETHER)
