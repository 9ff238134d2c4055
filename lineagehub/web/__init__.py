"""The HTTP side: receivers, reads and operations, on aiohttp.

app.py wires it, endpoints/ lists every route, serve.py runs it. To add an endpoint: one handler in receivers/,
queries/ or ops/, and one line in ENDPOINTS. Nothing here talks to Kafka or ClickHouse but through broker/ and store/.
"""
