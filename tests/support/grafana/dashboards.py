"""Reads dashboards: every query of one, with the place it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineagehub.store.client import ClickHouse
from tests.support.grafana.macros import ALL, TimeRange, Variable, expand


@dataclass(frozen=True)
class DataSource:
    """ClickHouse as a data source: with the custom settings of its configuration on every query."""

    clickhouse: ClickHouse
    settings: Mapping[str, str]

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query without macros."""
        settings = ", ".join(f"{name} = {value}" for name, value in self.settings.items())
        return await self.clickhouse.select(f"{sql} SETTINGS {settings}")


@dataclass(frozen=True)
class Query:
    """A query of a panel, a variable or an annotation. `repeat` is the variable that its row is repeated by, or empty."""

    place: str
    text: str
    repeat: str = ""


@dataclass(frozen=True)
class Dashboard:
    """One JSON file."""

    path: Path
    document: dict[str, Any]

    @property
    def panels(self) -> list[dict[str, Any]]:
        """All panels but rows, each with `repeat` of its row."""
        found, repeat = [], None
        for panel in self.document["panels"]:
            if panel["type"] == "row":
                repeat = panel.get("repeat")
            found += [{"repeat": repeat, **inner} for inner in panel.get("panels", [panel]) if inner["type"] != "row"]
        return found

    def panel_queries(self, language: str) -> Iterator[Query]:
        """Yield the query of each target that speaks `language`: rawSql (ClickHouse) or expr (Prometheus)."""
        for position, panel in enumerate(self.panels):
            for target in panel["targets"]:
                if language in target:
                    several = f" {target['refId']}" if len(panel["targets"]) > 1 else ""
                    place = (panel.get("title") or f"panel {position}") + several
                    yield Query(place, target[language], panel["repeat"] or "")

    def variable_queries(self) -> Iterator[Query]:
        """Yield the query of each variable that has one."""
        for variable in self.document["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(f"variable {variable['name']}", variable["query"]["rawSql"])

    def annotation_queries(self) -> Iterator[Query]:
        """Yield the query of each annotation that has one."""
        for annotation in self.document.get("annotations", {}).get("list", []):
            if "target" in annotation:
                yield Query(f"annotation {annotation['name']}", annotation["target"]["rawSql"])

    async def variables(
        self, source: DataSource, time_range: TimeRange, chosen: Mapping[str, str | list[str]]
    ) -> dict[str, Variable]:
        """Return the variables as Grafana has them on opening: options queried in order, the first or all of them chosen.

        `chosen` names other choices.
        """
        variables: dict[str, Variable] = {}
        for declared in self.document["templating"]["list"]:
            name, kind = declared["name"], declared["type"]
            if kind == "datasource":
                continue
            options: list[str] = []
            if kind == "query":
                rows = await source.rows(expand(declared["query"]["rawSql"], variables, time_range))
                options = [str(next(iter(row.values()))) for row in rows]
            elif kind == "custom":
                options = declared["query"].split(",")
            first = declared["query"] if kind == "textbox" else (options or [""])[0]
            variables[name] = Variable(chosen.get(name, ALL if declared.get("includeAll") else first), options)
        return variables


def read_dashboards(directory: Path) -> dict[str, Dashboard]:
    """Return the dashboards of a directory by the file's name without its ending."""
    return {path.stem: Dashboard(path, json.loads(path.read_text())) for path in sorted(directory.glob("*.json"))}


async def shown(
    source: DataSource, query: Query, variables: Mapping[str, Variable], time_range: TimeRange
) -> list[dict[str, Any]]:
    """Return the rows of a query; of a repeated one, those of all its repetitions."""
    if not query.repeat:
        return await source.rows(expand(query.text, variables, time_range))
    rows = []
    for option in variables[query.repeat].options:
        one = {**variables, query.repeat: Variable(option, [option])}
        rows += await source.rows(expand(query.text, one, time_range))
    return rows
