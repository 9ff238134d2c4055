"""The hub's own telemetry: logs and metrics. Never routed through the hub itself."""
