"""The hub of the end-to-end tests: one `lineagehub up` with embedded parts for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub import Hub, start_hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running hub."""
    with start_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
