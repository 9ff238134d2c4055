"""Stages inside stages, async and sync, one of which fails and is handled.

Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/multi_stage_pipeline.py
"""

import asyncio
import os

from lineagehub_sdk import current_run, flush, lineage_track, run

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
        inside = current_run()
        assert inside is whole
        return whole.run_id


if __name__ == "__main__":
    run_id = asyncio.run(main())
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    print(f"Look at {os.environ.get('LINEAGEHUB_URL', 'the hub')}/api/v1/jobs/runs/{run_id}")
