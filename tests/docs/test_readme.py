"""What the documents say exists, exists: make targets, linked files, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lineagehub.cli import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "DECISIONS.md",
    "agents/README.md",
    "sdk/README.md",
    "deploy/README.md",
    "docs/clients.md",
    "docs/limits.md",
    "docs/dead-letters.md",
]


def test_the_readme_shows_the_two_commands_first() -> None:
    first_block = (ROOT / "README.md").read_text().split("```")[1]
    assert "make up" in first_block
    assert "make test" in first_block


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_named_is_in_the_makefile(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / document).read_text()))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_linked_file_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    missing = [link for link in links if not ((ROOT / document).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_named_is_there(document: str) -> None:
    named = set(re.findall(r"lineagehub ([a-z][a-z-]*)\b", (ROOT / document).read_text().split("## ")[0]))
    named |= set(re.findall(r"`(?:\.venv/bin/)?lineagehub ([a-z][a-z-]*)", (ROOT / document).read_text()))
    assert named <= set(COMMANDS)
