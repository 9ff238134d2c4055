"""Sinks: one file a kind of destination. Each only encodes and sends, and says of a failure whether it is Permanent or Retryable.

To add one: a file here with a `Sink` (delivery/records.py), a line in flows.py; tests/conformance/test_sinks.py runs it.
"""
