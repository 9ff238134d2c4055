"""Two functions, tracked. Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/basic_usage.py"""

import os
from urllib.parse import quote

from lineagehub_sdk import flush, lineage_track, run


@lineage_track(
    "basic_usage.load_orders",
    inputs=["s3://raw/orders.json"],
    outputs=[{"type": "postgres", "name": "shop.public.orders", "format": "table", "namespace": "postgres://db:5432"}],
    description="Loads the day's orders.",
    tags={"team": "shop"},
)
def load_orders(day: str) -> int:
    return len(day) * 100


def sum_up(rows: int) -> None:
    with run("basic_usage.sum_up", inputs=["postgres://db:5432/shop.public.orders"]) as this_run:
        this_run.output("postgres://db:5432/shop.public.daily_totals", rows=rows // 10)


if __name__ == "__main__":
    sum_up(load_orders("2026-11-24"))
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    node = quote("job:default:basic_usage.load_orders")
    print(f"Look at {os.environ.get('LINEAGEHUB_URL', 'the hub')}/api/v1/lineage?nodeId={node}&depth=4")
