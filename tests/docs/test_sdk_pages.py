"""The SDK's pages: their Python runs, one block after the other, and their commands are ones that there are.

Of the pages about other tools only what can be told without the tool; tests/real/clients/test_sdk_pages.py runs them.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path

import lineagehub_sdk
import pytest
from lineagehub_sdk._config_fields import FIELDS
from lineagehub_sdk.cli import COMMANDS, parser_of

from tests.support.pages import blocks_of, run_cells
from tests.support.sdk_pages import TOOL_PAGES

ROOT = Path(__file__).parents[2]
README = ROOT / "sdk" / "README.md"
PAGES = [ROOT / "sdk" / "docs" / name for name in ("plain-script.md", "notebook.md")]
JOBS = {
    "plain-script.md": {"orders.load", "orders.export", "orders.sum_up"},
    "notebook.md": {"explore.clean_orders", "explore.features", "explore.fetch"},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_and_emits_what_it_says(page: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    run_cells(blocks_of(page, "python"), LINEAGEHUB_TRANSPORT="file", LINEAGEHUB_FILE=str(path), LINEAGEHUB_STRICT="1")
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert {event["job"]["name"] for event in events} == JOBS[page.name]
    assert {event["eventType"] for event in events} == {"START", "COMPLETE"}


@pytest.mark.parametrize("page", [README, PAGES[0]], ids=lambda page: page.name)
def test_every_command_line_of_a_page_is_one_that_there_is(page: Path) -> None:
    lines = [line for block in blocks_of(page, "sh") for line in block.splitlines()]
    lines += re.findall(r"`(lineagehub-sdk [a-z][^`…]*)`", page.read_text())
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("lineagehub-sdk ")]
    assert commands
    for name, *words in commands:
        assert name in COMMANDS
        _, unknown = parser_of(name).parse_known_args([word for word in words if word != "|"])
        assert not unknown, (name, words)


@pytest.mark.parametrize("page", [README, *PAGES, *TOOL_PAGES.values()], ids=lambda page: page.name)
def test_every_file_that_a_page_links_is_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", TOOL_PAGES.values(), ids=lambda page: page.name)
def test_a_page_about_a_tool_has_one_program_which_imports_what_there_is_and_names_variables_that_there_are(
    page: Path,
) -> None:
    [program] = blocks_of(page, "python")
    imports = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.ImportFrom)]
    [names] = [[name.name for name in node.names] for node in imports if node.module == "lineagehub_sdk"]
    assert set(names) <= set(lineagehub_sdk.__all__)
    variables = {name for fields, _ in FIELDS.values() for name in fields} | {"LINEAGEHUB_RUN"}
    assert set(re.findall(r"LINEAGEHUB_[A-Z_]+", page.read_text())) <= variables
    assert f"(docs/{page.name})" in README.read_text()


def test_every_page_is_run_or_read_by_a_test() -> None:
    assert {page.name for page in (*PAGES, *TOOL_PAGES.values())} == {
        page.name for page in PAGES[0].parent.glob("*.md")
    }


def test_the_file_of_the_notebooks_page_holds_fields_that_there_are() -> None:
    (text,) = blocks_of(PAGES[1], "toml")
    assert tomllib.loads(text).keys() <= FIELDS.keys()


def test_the_readme_names_every_field_by_its_variable_and_nothing_else() -> None:
    named = set(re.findall(r"`(LINEAGEHUB_[A-Z_]+)`", README.read_text()))
    variables = {name for fields, _ in FIELDS.values() for name in fields}
    assert {fields[0] for fields, _ in FIELDS.values()} <= named
    assert named - variables == {"LINEAGEHUB_CONFIG", "LINEAGEHUB_RUN", "LINEAGEHUB_STRICT"}
