"""Stages inside stages, async and sync, one of which fails and is handled.

Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/multi_stage_pipeline.py
"""

import asyncio

from lineagehub_sdk import configure, current_run, flush, lineage_track, run

WAREHOUSE = "postgres://warehouse:5432"


@lineage_track("multi_stage.extract", outputs=["s3://staging/customers"])
async def extract(source: str) -> str:
    await asyncio.sleep(0.01)
    return f"rows of {source}"


@lineage_track(
    "multi_stage.transform", inputs=["s3://staging/customers"], outputs=[f"{WAREHOUSE}/dwh.public.customers"]
)
async def transform(rows: str) -> str:
    await asyncio.sleep(0.01)
    return rows.upper()


@lineage_track("multi_stage.check", inputs=[f"{WAREHOUSE}/dwh.public.customers"])
def check(rows: str) -> None:
    if "CRM" in rows:
        raise ValueError("the CRM delivered no e-mail addresses")


async def stage(source: str) -> None:
    with run(f"multi_stage.{source}"):
        rows = await transform(await extract(source))
        try:
            check(rows)
        except ValueError as error:
            print(f"  {source}: {error}; going on without it")


async def main() -> str:
    with run("multi_stage") as whole:
        await asyncio.gather(stage("shop"), stage("crm"))
        assert current_run() is whole
    return whole.run_id


if __name__ == "__main__":
    config = configure()
    run_id = asyncio.run(main())
    print(f"START and COMPLETE of the pipeline (run {run_id}) and of two stages of three steps each; one step is FAIL.")
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    print("Look at the run, and at the events:")
    for path in (f"/api/v1/jobs/runs/{run_id}", "/api/v1/events/lineage?limit=20"):
        print(f"  curl -H \"Authorization: Bearer $LINEAGEHUB_API_KEY\" '{config.hub_endpoint}{path}'")
