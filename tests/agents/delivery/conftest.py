"""Retries without pauses, since what is proved here does not depend on time; and no log of the thousands of faults."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from lineagehub_agents.delivery import retrying


@pytest.fixture(autouse=True, scope="session")
def _no_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "FIRST_DELAY_SECONDS", 0.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def _silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)
