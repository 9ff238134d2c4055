"""A pipeline as users of the data-lineage-hub SDK write it: decorators, with datasets as dicts."""

import asyncio
import os

from data_lineage_hub_sdk import AdapterType, DataFormat, DatasetSpec, configure, lineage_track, telemetry_track

configure(
    hub_endpoint=os.environ["HUB"],
    api_key=os.environ["KEY"],
    namespace="demo",
    timeout=30,
    retry_attempts=3,
    enable_lineage=True,
    debug=False,
)


@lineage_track(
    job_name="compat.extract_customers",
    description="Customers out of the shop's database",
    inputs=[{"type": "mysql", "name": "shop.customers", "format": "table", "namespace": "shop-db"}],
    outputs=[{"type": "s3", "name": "s3://compat-lake/customers.parquet", "format": "parquet", "namespace": "lake"}],
    tags={"team": "sales", "cost": "low"},
)
def extract_customers(limit=3):
    return [{"id": number, "name": f"customer {number}"} for number in range(limit)]


@telemetry_track(span_name="compat.score", service_name="compat-decorated", tags={"team": "sales"})
@lineage_track(
    job_name="compat.score_customers",
    inputs=[{"type": "s3", "name": "s3://compat-lake/customers.parquet", "format": "parquet", "namespace": "lake"}],
    outputs=[{"type": "postgres", "name": "public.scores", "format": "table", "namespace": "warehouse"}],
    send_async=False,
)
async def score_customers(customers, weight=2):
    await asyncio.sleep(0)
    return {customer["id"]: weight for customer in customers}


@lineage_track(job_name="compat.broken_export", outputs=[{"type": "file", "name": "/srv/export.csv", "format": "csv"}])
def broken_export():
    raise ValueError("the disk is full")


spec = DatasetSpec(type=AdapterType.S3, name="s3://compat-lake/customers.parquet", format=DataFormat.PARQUET)
print(spec.to_openlineage_dataset()["name"])
customers = extract_customers(limit=2)
print(asyncio.run(score_customers(customers)))
try:
    broken_export()
except ValueError as error:
    print(error)
