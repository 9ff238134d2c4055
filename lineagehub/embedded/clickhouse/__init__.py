"""The embedded ClickHouse: chDB, the same engine in one process, behind a small server that speaks ClickHouse's HTTP interface.

aiochclient, clickhouse-connect, curl and Grafana's plugin over HTTP work with it unmodified, so one client and one schema serve both.
Run as `python -m lineagehub.embedded.clickhouse` by stack.py and by tests. Facts about the engine: 340 MB resident after start, no
users or grants, one process a data path, and a session cannot query while it streams an insert, hence one session a thread.

    __main__.py     the process: arguments, lock, signals, exit codes
    server.py       HTTP: one handler
    request.py      what a request asks for
    statements.py   is it an insert with data, and in which format?
    sessions.py     the engine: a session a thread, settings that last one statement
    errors.py       ClickHouse's error codes and HTTP statuses
"""
