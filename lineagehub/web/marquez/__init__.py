"""Marquez's read API under /marquez: its paths, parameters and shapes, so that its web page and its clients work with that base URL.

To add a route: a handler here and a line in endpoints.py. The queries are store/queries/marquez's. Refusals are `{"code", "message"}`,
which is what Marquez's clients read. Nothing is written here: lineage comes as events, and deletion.py deletes.
"""
