"""The npm packages of an application of the tests, as its package-lock.json has them.

They are installed once for each lock, outside the tree: in the user's cache directory, lineagehub/<name>-….
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lineagehub"
PACKAGES = ("package.json", "package-lock.json")
INSTALL_SECONDS = 600


class NodeMissing(RuntimeError):
    """Node, npm or the packages are not to be had; the message says which."""


def node_modules(application: Path, name: str, node: str) -> Path:
    """Return the folder of the installed packages; install them if they are not there. Raises NodeMissing.

    `name` is what is installed, `node` the version it needs, for people.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NodeMissing(f"{name} needs {program}, which is not installed (Node {node} and npm are enough).")
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if _numbers(found.removeprefix("v")) < _numbers(node):
        raise NodeMissing(f"{name} needs Node {node} or newer; this is {found}.")
    digest = hashlib.sha256(b"".join((application / file).read_bytes() for file in PACKAGES)).hexdigest()
    home = CACHE / f"{name}-{digest[:16]}"
    if not home.exists():
        _install(application, name, home)
    return home / "node_modules"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _install(application: Path, name: str, home: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=CACHE))
    try:
        for file in PACKAGES:
            shutil.copy(application / file, scratch)
        result = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        if result.returncode:
            raise NodeMissing(f"npm could not install {name}: {(result.stdout + result.stderr)[-500:]}")
        # Whole or not at all; when another run was quicker, its folder is as good.
        with contextlib.suppress(OSError):
            scratch.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
