"""A small ML pipeline: ingest, features, train, evaluate; with OpenTelemetry spans when the [otel] extra is installed.

Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/ml_pipeline.py
"""

import os
import random

from lineagehub_sdk import flush, lineage_track, run

LAKE = "s3://lake"

try:
    from lineagehub_sdk.telemetry import configure_telemetry

    provider = configure_telemetry(service_name="ml-pipeline") if os.environ.get("LINEAGEHUB_URL") else None
except ImportError:
    provider = None


@lineage_track("ml_pipeline.ingest", inputs=["https://example.com/houses.csv"], outputs=[f"{LAKE}/houses/raw"])
def ingest() -> list[tuple[float, float]]:
    generator = random.Random(7)
    return [(size, 3.0 * size + generator.gauss(0, 5)) for size in range(40, 140)]


@lineage_track("ml_pipeline.features", inputs=[f"{LAKE}/houses/raw"], outputs=[f"{LAKE}/houses/features"])
def make_features(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(size / 100, price) for size, price in rows]


@lineage_track("ml_pipeline.train", inputs=[f"{LAKE}/houses/features"], outputs=[f"{LAKE}/models/houses"])
def train(rows: list[tuple[float, float]]) -> float:
    return sum(size * price for size, price in rows) / sum(size * size for size, _ in rows)


@lineage_track(
    "ml_pipeline.evaluate",
    inputs=[f"{LAKE}/models/houses", f"{LAKE}/houses/features"],
    outputs=[f"{LAKE}/reports/houses"],
)
def evaluate(slope: float, rows: list[tuple[float, float]]) -> float:
    return sum(abs(slope * size - price) for size, price in rows) / len(rows)


if __name__ == "__main__":
    with run("ml_pipeline", description="Trains the model of house prices.") as pipeline:
        features = make_features(ingest())
        slope = train(features)
        error = evaluate(slope, features)
    if provider is not None:
        provider.shutdown()
    print(f"Trained: mean error {error:.2f}; run {pipeline.run_id}, with spans: {provider is not None}.")
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    print(f"Look at {os.environ.get('LINEAGEHUB_URL', 'the hub')}/api/v1/jobs/runs/{pipeline.run_id}")
