"""Lineage beside OpenTelemetry: spans of runs, metrics of runs, and exporters by the SDK's transports."""
