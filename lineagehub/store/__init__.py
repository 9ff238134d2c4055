"""ClickHouse, from the hub's side: the one client, the schema as numbered migrations, the landing tables, the read queries."""
