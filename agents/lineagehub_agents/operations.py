"""The operations server of an agent process: /livez, /readyz and /metrics, on loopback by default. Started by worker.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.settings import AgentsSettings
from lineagehub_agents.agent import Agent
from lineagehub_agents.app import FlowApp
from lineagehub_agents.delivery.records import MeasuredSink


class OperationsServer:
    """Serves the state of the agents of this process."""

    def __init__(self, running: Sequence[Agent], control_view: CompactedView, agents: AgentsSettings) -> None:
        self._running = running
        apps = [agent for agent in running if isinstance(agent, FlowApp)]
        self._control_view = control_view
        self._agents = agents
        self._registry = CollectorRegistry()
        self._registry.register(DeliveryCollector(apps))
        for sink in (sink for app in apps for sink in app.sinks):
            if isinstance(sink, MeasuredSink):
                self._registry.register(sink)
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen; return the URL. Raises OSError when the port is taken."""
        application = web.Application()
        application.add_routes(
            [web.get("/livez", self._live), web.get("/readyz", self._ready), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._agents.ops_host, self._agents.ops_port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening. May be repeated."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        crashed = [agent.name for agent in self._running if agent.has_crashed]
        return _json({"status": "crashed" if crashed else "alive", "crashed": crashed}, 503 if crashed else 200)

    async def _ready(self, _: web.Request) -> web.Response:
        agents = {agent.name: _agent_state(agent) for agent in self._running}
        control = self._control_view.is_complete
        ready = control and all(state["joined"] and not state["fault"] for state in agents.values())
        return _json({"ready": ready, "control": control, "agents": agents}, 200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": "text/plain; version=0.0.4"})


class DeliveryCollector:
    """Reads the deliverers' counts when Prometheus asks, so that delivery itself pays nothing."""

    def __init__(self, apps: Sequence[FlowApp]) -> None:
        self._apps = apps

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all flows."""
        labels = ["agent", "topic"]
        delivered = CounterMetricFamily("lineagehub_delivered_records", "Records written to the sink.", labels=labels)
        rows = CounterMetricFamily("lineagehub_delivered_rows", "Spans, points, logs, events written.", labels=labels)
        rendered = CounterMetricFamily(
            "lineagehub_rendered_values", "Attribute maps and arrays rendered outside of ClickHouse.", labels=labels
        )
        dead = CounterMetricFamily("lineagehub_dead_lettered_records", "Records dead-lettered.", labels=labels)
        by_reason = CounterMetricFamily(
            "lineagehub_dead_letters", "Records dead-lettered, by reason.", labels=[*labels, "reason"]
        )
        diverted = CounterMetricFamily(
            "lineagehub_diverted_events",
            "Events that came straight to Kafka over quota, and were put aside.",
            labels=[*labels, "signal"],
        )
        behind = GaugeMetricFamily(
            "lineagehub_behind_records",
            "Records on Kafka not delivered yet; a batch counts until it is.",
            labels=labels,
        )
        fault = GaugeMetricFamily("lineagehub_sink_fault", "1 while the sink fails.", labels=labels)
        for app in self._apps:
            for topic, deliverer in app.deliverers.items():
                values = [app.flow.name, topic]
                delivered.add_metric(values, deliverer.state.delivered)
                rows.add_metric(values, deliverer.state.delivered_rows)
                rendered.add_metric(values, deliverer.state.rendered_values)
                dead.add_metric(values, deliverer.state.dead_lettered)
                for reason, number in deliverer.state.dead_letters.items():
                    by_reason.add_metric([*values, reason.value], number)
                if (metering := deliverer.metering) is not None:
                    diverted.add_metric([*values, metering.signal.value], metering.diverted_events)
                behind.add_metric(values, app.records_behind(topic))
                fault.add_metric(values, 1.0 if deliverer.state.fault else 0.0)
        yield from (delivered, rows, rendered, dead, by_reason, diverted, behind, fault)


def _agent_state(agent: Agent) -> dict[str, object]:
    state: dict[str, object] = {"joined": agent.is_ready, "fault": agent.fault}
    if isinstance(agent, FlowApp):
        state["delivered"] = sum(deliverer.state.delivered for deliverer in agent.deliverers.values())
        state["dead_lettered"] = sum(deliverer.state.dead_lettered for deliverer in agent.deliverers.values())
    return state


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
