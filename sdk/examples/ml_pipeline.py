"""A small ML pipeline: ingest, features, train, evaluate; with OpenTelemetry spans when the [otel] extra is installed.

Needs LINEAGEHUB_URL and LINEAGEHUB_API_KEY; run: python sdk/examples/ml_pipeline.py
"""

import random

from lineagehub_sdk import configure, flush, lineage_track, run

try:
    from lineagehub_sdk.telemetry import configure_telemetry
except ImportError:
    configure_telemetry = None

LAKE = "s3://lake"


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
    config = configure()
    provider = configure_telemetry("ml-pipeline", config) if configure_telemetry else None
    with run("ml_pipeline", description="Trains the model of house prices.") as pipeline:
        features = make_features(ingest())
        slope = train(features)
        error = evaluate(slope, features)
    print(f"Trained: the mean error is {error:.2f}.")
    if provider is not None:
        provider.shutdown()
    print(
        f"START and COMPLETE of the pipeline (run {pipeline.run_id}) and of its four stages, which name it as parent;"
    )
    print("a span each, in one trace." if provider is not None else "no spans: pip install 'lineagehub-sdk[otel]'.")
    print("Everything is sent." if flush(10) else "Not everything could be sent: see the warnings above.")
    print("Look at the run:")
    print('  curl -H "Authorization: Bearer $LINEAGEHUB_API_KEY" \\')
    print(f"    '{config.hub_endpoint}/api/v1/jobs/runs/{pipeline.run_id}'")
