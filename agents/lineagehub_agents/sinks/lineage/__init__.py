"""The store of lineage: the bytes of each batch once, and what is derived from all batches at hand by one insert.

sink.py             the sink: two inserts a batch
joined_inserts.py   inserts of several callers, made as one
"""
