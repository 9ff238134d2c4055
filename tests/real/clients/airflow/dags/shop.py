"""A DAG that knows nothing of OpenLineage: a task that says what it reads and writes, and two that copy a file."""

import os
from datetime import datetime

from airflow.providers.common.io.operators.file_transfer import FileTransferOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

folder = os.environ["SHOP_FOLDER"]

with DAG("shop", start_date=datetime(2026, 1, 1), schedule=None, catchup=False):
    clean = BashOperator(
        task_id="clean",
        bash_command=f"sort -u {folder}/orders.csv > {folder}/clean.csv",
        inlets=[Asset(f"file://{folder}/orders.csv")],
        outlets=[Asset(f"file://{folder}/clean.csv")],
    )
    publish = FileTransferOperator(task_id="publish", src=f"file://{folder}/clean.csv", dst=f"file://{folder}/shop.csv")
    archive = FileTransferOperator(task_id="archive", src=f"{folder}/clean.csv", dst=f"{folder}/archive.csv")
    clean >> publish >> archive
