"""The stream processors of LineageHub. `flows.py` shows all of them; `worker.py` runs them; `app.py` alone knows Faust.

topic -> processor (verify, check) -> delivery (batch, record the range, retry, dead-letter) -> sink (encode and send)
"""
