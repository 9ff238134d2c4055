"""spark-submit of the Spark client (`tests.support.clients`), with openlineage-spark's listener."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.clients import jars, virtual_environment
from tests.support.hub import clean_environment

RUN_SECONDS = 120


def submit(
    job: Path, folder: Path, properties: str, *options: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run a job in a folder, which is its argument, too, and see that its events were sent. `environment`: default, a clean one."""
    home = virtual_environment("spark")
    [spark] = home.glob("lib/python*/site-packages/pyspark")
    [listener] = jars("spark").glob("openlineage-spark_*.jar")
    # On this machine alone, and without the page that Spark shows of each application.
    here = "spark.driver.bindAddress 127.0.0.1\nspark.ui.enabled false\n"
    defaults = folder / "spark-defaults.conf"
    defaults.write_text(properties + here)
    variables = {
        "SPARK_HOME": str(spark),
        "PYSPARK_PYTHON": str(home / "bin" / "python"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    options = ("--master=local[1]", f"--jars={listener}", f"--properties-file={defaults}", *options)
    result = subprocess.run(
        [str(spark / "bin" / "spark-submit"), *options, str(job), str(folder)],
        env={**(environment or clean_environment()), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert "Could not emit lineage" not in result.stderr, result.stderr
