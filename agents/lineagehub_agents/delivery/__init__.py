"""What every sink gets for free: batches, exactly-once ranges, retries, bisection, dead letters.

    Deliverer (deliverer.py) takes events of a stream and, per partition:
        batching.py      cuts contiguous batches, or the very batch that an earlier owner had begun
        ranges.py        records the range durably before the sink sees it; commits after
        retrying.py      repeats a transient failure in place, with jittered backoff
        dead_letters.py  writes what can never succeed, acknowledged, with its reason

Nothing here knows Faust (app.py and kafka_transport.py do) or any particular sink.
"""
