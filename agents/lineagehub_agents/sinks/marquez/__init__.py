"""The Marquez forwarder: each event once, each run in order, nothing that Marquez would choke on (marquez.md, measured on 0.51.1).

sink.py        the sink: plans a batch, sends its chains side by side, in at most so many lanes
ordering.py    which events must follow one another, and in which order
events.py      an event as Marquez should get it: bound to its tenant, in the state of its run's end if that was sent before
repairs.py     what is mended, and what is refused
forwarded.py   the forward-once table: which events Marquez has, which it may have, how runs ended
id_window.py   the ids of the last days, 8 bytes each
client.py      HTTP: send, ask whether an event is there, ask whether Marquez is well
verdicts.py    what an answer means
metrics.py     what /metrics shows of it
"""
