"""A part that a test needs and this machine has not: a skip that says why, and a failure in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test with the reason; in CI, or with LINEAGEHUB_REQUIRE_REAL=1, fail with it."""
    if os.environ.get("CI") == "true" or os.environ.get("LINEAGEHUB_REQUIRE_REAL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
