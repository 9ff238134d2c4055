"""The reads: lineage graph, runs, raw events, traces, logs, metrics, each inside the caller's namespace.

To add a read: a file here and a line in endpoints/read.py. The SQL is store/queries'; here are parameters, bounds and 404s.
"""
