// An unmodified OpenTelemetry JS application: what tests/e2e/opentelemetry_python/send.py sends, too. Run by test_otlp_senders.py.
//
// Knows nothing of where it sends to, nor in which encoding: that is in OTEL_* variables. Prints the trace id of its spans.
const { SpanKind, SpanStatusCode, context, metrics, trace } = require("@opentelemetry/api");
const { SeverityNumber, logs } = require("@opentelemetry/api-logs");
const { AggregationType } = require("@opentelemetry/sdk-metrics");
const { NodeSDK } = require("@opentelemetry/sdk-node");

const SPANS = 700;
const LOG_RECORDS = 600;

const sdk = new NodeSDK({
  views: [{ instrumentName: "row.size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
});
sdk.start();

const tracer = trace.getTracer("shop.loader", "1.2.3");
const load = tracer.startSpan("load", { kind: SpanKind.CONSUMER });
const inLoad = trace.setSpan(context.active(), load);
for (let number = 0; number < SPANS - 2; number++) {
  const step = tracer.startSpan("step", { attributes: { number, ratio: 0.5, last: false } }, inLoad);
  step.addEvent("row", { table: "größe" });
  step.end();
}
const write = tracer.startSpan("write", { kind: SpanKind.CLIENT, links: [{ context: load.spanContext() }] }, inLoad);
write.setStatus({ code: SpanStatusCode.ERROR, message: "the disk is full" });
write.end();
load.end();

const logger = logs.getLogger("shop.loader");
for (let number = 0; number < LOG_RECORDS; number++) {
  logger.emit({
    severityNumber: SeverityNumber.WARN,
    severityText: "WARN",
    body: `row ${number} is late`,
    attributes: { number },
    context: inLoad,
  });
}

const meter = metrics.getMeter("shop.loader");
const read = meter.createCounter("orders.read", { unit: "{order}", description: "Orders read" });
read.add(3, { shop: "a" });
read.add(4, { shop: "a" });
const connections = meter.createUpDownCounter("connections.open");
connections.add(5);
connections.add(-2);
meter.createGauge("queue.depth").record(17.5);
const duration = meter.createHistogram("load.duration", { unit: "ms" });
const size = meter.createHistogram("row.size");
for (const value of [1, 7, 120]) {
  duration.record(value);
  size.record(value);
}

sdk.shutdown().then(() => console.log(load.spanContext().traceId));
