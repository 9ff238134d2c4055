"""The code of a page of documentation: its blocks, and how they are run, one after the other, as the cells of a notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.hub import clean_environment

_RUN = """
import ast, asyncio, json, sys
async def run(cells):
    names = {"__name__": "__main__"}
    for cell in cells:
        made = compile(cell, "<page>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if (awaited := eval(made, names)) is not None:
            await awaited
asyncio.run(run(json.load(sys.stdin)))
"""
"""Within a running loop, with await outside of functions."""


def blocks_of(page: Path, language: str) -> list[str]:
    """Return the blocks of a language; it may be a regular expression."""
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def run_cells(cells: list[str], **environment: str) -> str:
    """Run cells in a process of their own, in which a warning is an error; return what they printed."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", _RUN],
        input=json.dumps(cells),
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
