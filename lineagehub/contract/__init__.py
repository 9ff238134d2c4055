"""The wire contract: what hub, agents and SDK must agree on, and nothing else.

    SDK, OpenLineage and OTLP clients
        | HTTP (web)            | straight to Kafka, signed (headers.py)
        v                       v
    openlineage-events   otel-spans   otel-metrics   otel-logs          topics/  (TOPICS is the one list)
        | agents verify, batch, deliver
        v
    ClickHouse, Marquez, or one record on lineagehub-dead-letters with a reason (reasons.py, dead_letter.py)

Imports the standard library, pydantic and msgspec only, so that whoever reads the contract needs nothing of the hub.
"""
