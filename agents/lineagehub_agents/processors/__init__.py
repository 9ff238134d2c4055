"""Processors: one file a kind of record. Each checks one record in memory and says who wrote it, or why it is refused.

To add one: a file here with a `Processor` (delivery/records.py), a route in flows.py.
"""
