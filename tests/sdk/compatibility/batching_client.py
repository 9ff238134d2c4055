"""Many events in batches, as users of the data-lineage-hub SDK write it."""

import asyncio
import os
import uuid
from datetime import UTC, datetime

from data_lineage_hub_sdk import BatchingLineageClient, LineageHubClient, configure

configure(hub_endpoint=os.environ["HUB"], api_key=os.environ["KEY"], namespace="demo")


def events(number):
    run_id = str(uuid.uuid4())
    for event_type in ("START", "COMPLETE"):
        yield {
            "eventType": event_type,
            "eventTime": datetime.now(UTC).isoformat(),
            "run": {"runId": run_id},
            "job": {"namespace": "compat", "name": f"compat.batch_{number}"},
            "producer": "https://example.com/pipelines",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }


async def main():
    batching = BatchingLineageClient(base_client=LineageHubClient(), batch_size=10, flush_interval=1.0)
    for number in range(int(os.environ.get("JOBS", "28"))):
        for event in events(number):
            await batching.add_event(event)
    await batching.stop()


asyncio.run(main())
