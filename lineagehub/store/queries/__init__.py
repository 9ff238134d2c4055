"""Read queries: one file a question. All go through the views that demand the namespace (migrations: `read_…`), never past them.

Called by the web. Values are bound by the server; nothing is written into the SQL text.
"""
