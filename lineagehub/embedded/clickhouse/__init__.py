"""The embedded ClickHouse: chDB, the same engine in one process, behind a small server that speaks ClickHouse's HTTP interface.

aiochclient, clickhouse-connect, curl and Grafana's plugin over HTTP work with it unmodified, so one client and one schema serve both.
Run as `python -m lineagehub.embedded.clickhouse` by stack.py and by tests. Facts about the engine: 340 MB resident after start, no
users or grants, one process a data path, and a session cannot query while it streams an insert, hence one session a request.

    __main__.py     the process: arguments, lock, signals, exit codes
    server.py       HTTP: one handler
    request.py      what a request asks for
    compression.py  compressed bodies, both ways
    statements.py   is it an insert with data, a read, or refused?
    engine.py       calls of chDB on worker threads; streamed inserts
    sessions.py     which session a statement runs in, and what holds there
    native.py       the Native format of a client's protocol revision
    errors.py       ClickHouse's error codes and HTTP statuses
"""
