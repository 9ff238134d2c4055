"""The OpenTelemetry JS application of the tests, with the packages of its package-lock.json.

They are installed once for each lock, outside the tree: in lineagehub/opentelemetry-js-… of the user's cache directory. Needs
Node 18.19 or newer, and npm.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

APPLICATION = Path(__file__).parents[1] / "e2e" / "opentelemetry_js"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lineagehub"
PACKAGES = ("package.json", "package-lock.json")
INSTALL_SECONDS = 600


class NodeMissing(RuntimeError):
    """Node, npm or the packages are not to be had; the message says which."""


def node_modules() -> Path:
    """Return the folder of the installed packages, for NODE_PATH; install them if they are not there. Raises NodeMissing."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NodeMissing(
                f"opentelemetry-js needs {program}, which is not installed (Node 18.19 and npm are enough)."
            )
    digest = hashlib.sha256(b"".join((APPLICATION / name).read_bytes() for name in PACKAGES)).hexdigest()
    home = CACHE / f"opentelemetry-js-{digest[:16]}"
    if not home.exists():
        _install(home)
    return home / "node_modules"


def _install(home: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=CACHE))
    try:
        for name in PACKAGES:
            shutil.copy(APPLICATION / name, scratch)
        result = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        if result.returncode:
            raise NodeMissing(f"npm could not install opentelemetry-js: {(result.stdout + result.stderr)[-500:]}")
        # Whole or not at all; when another run was quicker, its folder is as good.
        with contextlib.suppress(OSError):
            scratch.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
