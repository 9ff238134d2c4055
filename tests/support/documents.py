"""The examples in our documents, as tests run with them: what a section tells a user to export, and the file that it shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def exports(document: str, section: str, actual: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a section exports, with the documented addresses and keys replaced by the `actual` ones."""
    return exported_variables(_example(document, section, "sh", actual))


def exported_variables(shell: str) -> dict[str, str]:
    """Return the variables that lines of shell export."""
    lines = [line for line in shell.splitlines() if line.startswith("export ")]
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line)[1:])


def yaml_file(document: str, section: str, actual: Mapping[str, str]) -> str:
    """Return the file that a section shows, with the documented addresses and keys replaced by the `actual` ones."""
    return _example(document, section, "yaml", actual)


def properties_file(document: str, section: str, actual: Mapping[str, str]) -> str:
    """Return the Java properties that a section shows, with the documented addresses and keys replaced by the `actual` ones."""
    return _example(document, section, "properties", actual)


def _example(document: str, section: str, language: str, actual: Mapping[str, str]) -> str:
    text = (ROOT / document).read_text()
    _, heading, rest = text.partition(f"\n### {section}\n")
    assert heading, f"{document} has no section {section!r}"
    body = re.split(r"\n##+ ", rest)[0]
    found = re.search(rf"```{language}\n(.*?)```", body, re.DOTALL)
    assert found, f"the section {section!r} of {document} has no example in {language}"
    example = found[1]
    for documented, replacement in actual.items():
        assert documented in example or documented in body, f"{section!r} does not say {documented!r}"
        example = example.replace(documented, replacement)
    return example
