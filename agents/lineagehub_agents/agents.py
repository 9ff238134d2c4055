"""AGENTS: everything that `lineagehub agent NAME` can run: each flow of flows.py, and the agents that are none.

To add an agent that is no flow: a class with the members of `Agent` (agent.py) that is made from `AgentParts`, and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from lineagehub_agents.agent import Agent, AgentParts
from lineagehub_agents.alerts.agent import AlertsAgent
from lineagehub_agents.app import FlowApp
from lineagehub_agents.flows import FLOWS, Flow

NewAgent = Callable[[AgentParts], Agent]


def _new_flow(flow: Flow, parts: AgentParts) -> Agent:
    return FlowApp(flow, parts.settings, parts.directory, parts.producer, parts.quota)


AGENTS: Mapping[str, NewAgent] = {
    **{flow.name: partial(_new_flow, flow) for flow in FLOWS},
    "alerts": AlertsAgent,
}
