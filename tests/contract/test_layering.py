"""The contract can be read by anyone: importing all of it loads the standard library, pydantic and msgspec, nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
before = set(sys.modules)
from lineagehub import contract
for module in pkgutil.walk_packages(contract.__path__, "lineagehub.contract."):
    importlib.import_module(module.name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""

THIRD_PARTY = {
    "msgspec",
    "pydantic",
    # What pydantic itself needs.
    "annotated_types",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
}


def test_the_contract_loads_only_the_standard_library_pydantic_and_msgspec() -> None:
    command = [sys.executable, "-c", IMPORT_EVERYTHING]
    loaded = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    ours = {name for name in loaded if name.startswith("lineagehub.") and not name.startswith("lineagehub.contract")}
    assert ours == set()
    top_level = {name.partition(".")[0] for name in loaded} - {"lineagehub"} - sys.stdlib_module_names
    # The interpreter's own build constants; the name has the platform in it.
    assert {name for name in top_level if not name.startswith("_sysconfigdata")} <= THIRD_PARTY
