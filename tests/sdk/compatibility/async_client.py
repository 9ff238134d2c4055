"""Events and telemetry by the asynchronous client, as users of the data-lineage-hub SDK write it."""

import asyncio
import os
import time
import uuid
from datetime import UTC, datetime

from data_lineage_hub_sdk import LineageEvent, LineageHubClient, TelemetryClient

RUN_ID = str(uuid.uuid4())


def event(event_type):
    return LineageEvent(
        eventType=event_type,
        eventTime=datetime.now(UTC).isoformat(),
        run={"runId": RUN_ID},
        job={"namespace": "compat", "name": "compat.async_client"},
        producer="https://example.com/pipelines",
        inputs=[{"namespace": "shop-db", "name": "shop.orders"}],
        outputs=[{"namespace": "lake", "name": "orders.parquet"}],
    ).model_dump()


def span():
    return {
        "traceId": uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "operationName": "compat.load",
        "serviceName": "compat-service",
        "startTime": int(time.time() * 1000) - 5,
        "duration": 5000,
        "kind": "INTERNAL",
        "status": {"code": "OK"},
        "tags": {"rows": "3"},
        "logs": [],
    }


def metric():
    return {
        "name": "compat_rows",
        "type": "counter",
        "value": 3,
        "unit": "1",
        "serviceName": "compat-service",
        "timestamp": int(time.time() * 1000),
        "tags": {"table": "orders"},
    }


async def main():
    async with LineageHubClient(base_url=os.environ["HUB"], api_key=os.environ["KEY"], namespace="demo") as client:
        health = await client.health_check()
        print(f"Hub {health.status}, version {health.version}")
        response = await client.send_lineage_events([event("START"), event("COMPLETE")], source="compat")
        print(f"Lineage: {response.accepted} accepted, {response.rejected} rejected")
        telemetry = await client.send_telemetry_data(traces=[span()], metrics=[metric()])
        print(f"Telemetry: {telemetry.traces_accepted} spans, {telemetry.metrics_accepted} metrics")
        for namespace in await client.list_namespaces():
            print(f"Namespace: {namespace.name} ({namespace.display_name})")
        print((await client.get_namespace("demo")).name)

    client = TelemetryClient(os.environ["HUB"], os.environ["KEY"], "demo")
    await client.send_span(span())
    await client.send_metric(metric())
    await client.close()


asyncio.run(main())
