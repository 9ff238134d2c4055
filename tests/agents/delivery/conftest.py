"""Retries without pauses, since what is proved here does not depend on time; and no log of the thousands of faults."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from lineagehub_agents.delivery import retrying


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "FIRST_DELAY_SECONDS", 0.0)
        # A crash here is a process's, never the machine's, and thousands of fsyncs take their time.
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def _silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)
