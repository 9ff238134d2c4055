"""The SDK's pages about other tools, as their readers follow them: the SDK's wheel beside the tool, the page's variables, its program.

The tool is in an environment of its own (`tests.support.clients`); the wheel is built from this checkout and installed into a folder
of the test's.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.clients import virtual_environment
from tests.support.documents import exported_variables
from tests.support.hub import Hub, clean_environment
from tests.support.pages import blocks_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "sdk" / "docs"
TOOL_PAGES = {name: PAGES / f"{name}.md" for name in ("airflow", "dagster", "prefect", "dbt", "spark")}
PRODUCER = "/sdk"
"""The end of the `producer` of the SDK's events."""
RUN_SECONDS = 240
_TOOLS = ("AIRFLOW", "DAGSTER", "PREFECT", "DBT", "SPARK")


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page of a tool, in a folder; `environment` is what the page told to set."""

    page: Path
    folder: Path
    environment: dict[str, str]

    def save_program(self, name: str) -> Path:
        """Write the page's program, to the character, into a file below the folder; return its path."""
        [program] = blocks_of(self.page, "python")
        assert f"`{name}`" in self.page.read_text(), f"{self.page.name} calls its program {name}"
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(program)
        return path

    def run(self, command: str, **variables: str) -> str:
        """Run a command, which stands in the page, in the folder; return what it printed. Fails when the command does."""
        assert f"`{command}`" in self.page.read_text(), f"{self.page.name} says {command!r}"
        return run(command.split(), self.folder, self.environment | variables)


def follow(tool: str, hub: Hub, wheel: Path, folder: Path) -> Reader:
    """Set up what the page of a tool says first: the SDK beside the tool, and the variables, with this hub's address and key."""
    python = virtual_environment(tool) / "bin" / "python"
    site = folder / "site"
    offline = ["--quiet", "--offline", "--no-deps", "--no-config"]
    uv("pip", "install", *offline, "--python", str(python), "--target", str(site), str(wheel))
    setup = blocks_of(TOOL_PAGES[tool], "sh")[0]
    assert "pip install lineagehub-sdk" in setup
    for documented, actual in {"http://127.0.0.1:8080": hub.url, "lh_dev_…": hub.api_key}.items():
        assert documented in setup, f"{tool}.md does not say {documented!r}"
        setup = setup.replace(documented, actual)
    environment = {name: value for name, value in clean_environment().items() if not name.startswith(_TOOLS)}
    environment |= {"PATH": f"{python.parent}:{site / 'bin'}:{environment['PATH']}", "PYTHONPATH": str(site)}
    return Reader(TOOL_PAGES[tool], folder, environment | exported_variables(setup))


def build_wheel(folder: Path) -> Path:
    """Build the SDK's wheel from this checkout into a folder; return its path."""
    options = ["--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder)]
    uv("build", *options, str(ROOT / "sdk"))
    [wheel] = folder.glob("lineagehub_sdk-*.whl")
    return wheel


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command in a folder; return what it printed. Fails when the command does."""
    result = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout


def uv(*arguments: str) -> None:
    """Run uv to its end. Fails when it does."""
    result = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
