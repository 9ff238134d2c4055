"""The embedded parts: a Kafka-compatible broker and ClickHouse, from pip alone, for `lineagehub up` and for tests.

Nothing else of the hub imports this package: web and agents see a broker address and a ClickHouse URL, whoever serves them.
"""
