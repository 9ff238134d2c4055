"""Kafka, from the hub's side: acknowledged produce, topic administration, compacted topics held in memory.

Used by web, agents and cli. Works on Apache Kafka 4.x and on the embedded broker alike.
"""
