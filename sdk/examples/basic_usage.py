"""Two functions, tracked. Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/basic_usage.py"""

from urllib.parse import quote

from lineagehub_sdk import configure, flush, lineage_track, run

ORDERS = "postgres://db:5432/shop.public.orders"


@lineage_track(
    "basic_usage.load_orders",
    inputs=["s3://raw/orders.json"],
    outputs=[{"type": "postgres", "name": "shop.public.orders", "format": "table", "namespace": "postgres://db:5432"}],
    description="Loads the day's orders.",
    tags={"team": "shop"},
)
def load_orders(day: str) -> int:
    return len(day) * 100


def sum_up(rows: int) -> str:
    with run("basic_usage.sum_up", inputs=[ORDERS]) as this_run:
        this_run.output("postgres://db:5432/shop.public.daily_totals", rows=rows // 10)
    return this_run.run_id


if __name__ == "__main__":
    config = configure()
    run_id = sum_up(load_orders("2026-11-24"))
    print(f"START and COMPLETE of basic_usage.load_orders and basic_usage.sum_up (run {run_id}).")
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    node = quote(f"job:{config.job_namespace}:basic_usage.load_orders")
    print("Look at the graph:")
    print('  curl -H "Authorization: Bearer $LINEAGEHUB_API_KEY" \\')
    print(f"    '{config.hub_endpoint}/api/v1/lineage?nodeId={node}&depth=4'")
