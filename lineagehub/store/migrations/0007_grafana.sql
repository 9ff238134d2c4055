-- What is stored, item by item, over all namespaces: for the operators' dashboards (deploy/grafana), never for a tenant's request, which goes
-- through read_* alone. A plain view: a filter on its columns goes down to the tables.

CREATE VIEW IF NOT EXISTS {database}.stored_items {on_cluster} AS
SELECT Namespace, 'lineage' AS Signal, ReceivedAt, EventTime AS Time FROM {database}.lineage_events
UNION ALL
SELECT Namespace, 'traces' AS Signal, ReceivedAt, Timestamp AS Time FROM {database}.otel_traces
UNION ALL
SELECT Namespace, 'logs' AS Signal, ReceivedAt, Timestamp AS Time FROM {database}.otel_logs
UNION ALL
SELECT Namespace, 'metrics' AS Signal, ReceivedAt, TimeUnix AS Time FROM {database}.otel_metrics_gauge
UNION ALL
SELECT Namespace, 'metrics' AS Signal, ReceivedAt, TimeUnix AS Time FROM {database}.otel_metrics_sum
UNION ALL
SELECT Namespace, 'metrics' AS Signal, ReceivedAt, TimeUnix AS Time FROM {database}.otel_metrics_histogram
UNION ALL
SELECT Namespace, 'metrics' AS Signal, ReceivedAt, TimeUnix AS Time FROM {database}.otel_metrics_exponential_histogram
UNION ALL
SELECT Namespace, 'metrics' AS Signal, ReceivedAt, TimeUnix AS Time FROM {database}.otel_metrics_summary;
