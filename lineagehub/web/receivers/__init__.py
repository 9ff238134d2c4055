"""What takes data in: OpenLineage and OTLP over HTTP, to signed records on Kafka.

A 2xx means that the broker acknowledged every record with acks=all. To add a receiver: a file here and a line in
endpoints/send.py.
"""
