"""The foreign OpenLineage clients of tests/real/clients, and the tools of the SDK's pages, each installed apart, as its users do.

A client's folder pins what it needs: `requirements.txt` makes a virtual environment, `pom.xml` a folder of jars. Both are kept in the
user's cache, under the hash of that file. `make clients` prepares them all; the tests only look for them, and where one is missing they
skip and say so; in CI that is a failure.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.missing import skip_or_fail

CLIENTS = Path(__file__).parents[1] / "real" / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lineagehub"
REQUIREMENTS = "requirements.txt"
POM = "pom.xml"
INSTALL_SECONDS = 900


class ClientMissing(RuntimeError):
    """A client cannot be had on this machine; the message says why."""


def virtual_environment(client: str) -> Path:
    """Return the virtual environment of a client of Python; skip the test, or fail in CI, if it is not prepared."""
    return _prepared(CLIENTS / client / REQUIREMENTS)


def jars(client: str) -> Path:
    """Return the folder of a client's jars; skip the test, or fail in CI, if it is not prepared or there is no Java."""
    if shutil.which("java") is None:
        skip_or_fail(f"The {client} client needs java, which is not installed (a JDK 17 is enough).")
    return _prepared(CLIENTS / client / POM)


def dbt_project(folder: Path, name: str) -> Path:
    """Return a copy, in a folder, of dbt's project by another name: a hub tells jobs by theirs, and may have seen the shop's."""
    project = Path(shutil.copytree(CLIENTS / "dbt" / "project", folder / "project"))
    settings = project / "dbt_project.yml"
    settings.write_text(settings.read_text().replace("name: shop", f"name: {name}").replace("  shop:", f"  {name}:"))
    return project


def prepare(pins: Path) -> Path:
    """Install what a file pins, unless that is done; return where it is. Raises ClientMissing."""
    home = _home(pins)
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=CACHE))
        try:
            (_copy_jars if pins.name == POM else _install_packages)(pins, scratch)
            # Whole or not at all; when another run was quicker, its folder is as good.
            with contextlib.suppress(OSError):
                scratch.rename(home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return home


def _prepared(pins: Path) -> Path:
    home = _home(pins)
    if not home.exists():
        skip_or_fail(
            f"What tests/real/clients/{pins.parent.name}/{pins.name} pins is not there; `make clients` installs it"
        )
    return home


def _home(pins: Path) -> Path:
    # Of a virtual environment the interpreter is a part.
    version = f"{sys.version_info.major}.{sys.version_info.minor}" if pins.name == REQUIREMENTS else ""
    digest = hashlib.sha256(pins.read_bytes() + version.encode()).hexdigest()
    kind = "python" if version else "jars"
    return CACHE / f"client-{pins.parent.name}-{kind}-{digest[:16]}"


def _install_packages(requirements: Path, home: Path) -> None:
    uv = [sys.executable, "-m", "uv"]
    # Relocatable, since it is moved when it is whole. Source distributions are built by the pinned setuptools.
    _run("uv", [*uv, "venv", "--quiet", "--clear", "--relocatable", "--python", sys.executable, str(home)])
    options = ["--quiet", "--require-hashes", "--build-constraints", str(requirements)]
    _run("uv", [*uv, "pip", "sync", *options, "--python", str(home / "bin" / "python"), str(requirements)])


def _copy_jars(pom: Path, home: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={home}"]
    _run("Maven", command)


def _run(program: str, command: list[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except FileNotFoundError as error:
        raise ClientMissing(f"{program} is not installed") from error
    if result.returncode:
        raise ClientMissing(f"{program} failed: {(result.stdout + result.stderr).strip()[-1000:]}")


def main() -> int:
    """Prepare every client, a line each; return 1 if one cannot be had."""
    status = 0
    for pins in sorted([*CLIENTS.glob(f"*/{REQUIREMENTS}"), *CLIENTS.glob(f"*/{POM}")]):
        print(f"{pins.parent.name}: {pins.name}… ", end="", flush=True)
        begun = time.monotonic()
        try:
            home = prepare(pins)
        except ClientMissing as missing:
            status = 1
            print(f"missing. {missing}")
        else:
            print(f"{time.monotonic() - begun:.0f} s, {home}")
    return status


if __name__ == "__main__":
    sys.exit(main())
