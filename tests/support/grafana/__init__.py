"""What Grafana and its ClickHouse plugin do with a dashboard before a query reaches ClickHouse, written anew for the tests.

macros.py expands a query, dashboards.py reads the JSON, sample.py is data worth looking at.
"""
