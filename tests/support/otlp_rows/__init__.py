"""What rows of the telemetry tables a request must give: an independent decoder, by python protobuf, of the Collector exporter's rules.

One file a signal; each has `TABLES` (the columns to select of each table), `expected_rows(request, namespace)` by table, and `item_count`.
"""
