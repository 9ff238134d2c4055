"""A stream, threads, a child process and columns: what is part of the run goes on in all of them.

Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/across_processes.py
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from lineagehub_sdk import child_environment, configure, flush, in_context, lineage_track, run, telemetry_track

WAREHOUSE = "postgres://warehouse/shop.public"


@lineage_track("across_processes.read", inputs=lambda arguments: f"s3://raw/orders/{arguments['day']}.json")
def read(day: str) -> Iterator[dict[str, int]]:
    """A run from the first row to the last one, however slowly they are taken."""
    for number in range(3):
        yield {"order": number, "amount": number * 10}


@telemetry_track(tags={"stage": "sum"})
@lineage_track(
    "across_processes.add_up",
    inputs=f"{WAREHOUSE}.orders",
    outputs=lambda arguments, result: f"{WAREHOUSE}.totals_of_shop_{arguments['shop']}",
)
def add_up(shop: int) -> int:
    return shop * 100


CHILD = """
from lineagehub_sdk import flush, run
with run("across_processes.report", inputs=["postgres://warehouse/shop.public.totals_of_shop_1"]):
    pass
assert flush(10)
"""

if __name__ == "__main__":
    config = configure()
    with run("across_processes") as whole:
        with run("across_processes.load", inputs=["s3://raw/orders/monday.json"]) as load:
            rows = list(read("monday"))
            load.output(
                f"{WAREHOUSE}.orders",
                rows=len(rows),
                schema={"order": "int", "amount": "int", "gross": "int"},
                column_lineage={"order": "order", "amount": "amount", "gross": ["amount"]},
            )
        with ThreadPoolExecutor(2) as pool:
            totals = list(pool.map(in_context(add_up), [1, 2]))
        subprocess.run([sys.executable, "-c", CHILD], env=child_environment(), check=True)  # noqa: S603 the code above
    print(f"The totals are {totals}.")
    print(f"START and COMPLETE of the pipeline (run {whole.run_id}) and of its five runs:")
    print("the stream, the two threads and the child process name it as their root.")
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    print("Look at where a column comes from:")
    print('  curl -H "Authorization: Bearer $LINEAGEHUB_API_KEY" \\')
    node = quote("datasetField:postgres://warehouse:5432:shop.public.orders:gross")
    print(f"    '{config.hub_endpoint}/api/v1/column-lineage?nodeId={node}'")
