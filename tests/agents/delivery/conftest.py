"""Retries without pauses: what is proved here does not depend on time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineagehub_agents.delivery import retrying


@pytest.fixture(autouse=True, scope="session")
def _no_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "FIRST_DELAY_SECONDS", 0.0)
        yield
