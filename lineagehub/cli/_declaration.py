"""What `lineagehub apply` reads and finds to do: a file of namespaces, compared with those of a hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lineagehub.cli._hub import HubClient, path_to
from lineagehub.cli._limits import set_of
from lineagehub.contract.management import Declaration, DeclaredNamespace
from lineagehub.errors import ConfigurationError

MAXIMUM_BYTES = 1_048_576
NEXT_STEP = "Correct the file; deploy/namespaces.yaml is an example."


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is to be another. `before` is None where there was no namespace."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one namespace: nothing, to make it, or to change it. The ETags are those of what was compared."""

    declared: DeclaredNamespace
    exists: bool
    changes: tuple[Change, ...]
    fields: dict[str, Any]
    limits: dict[str, Any] | None
    etag: str = ""
    limits_etag: str = ""

    @property
    def action(self) -> str:
        """In one word."""
        return "create" if not self.exists else "change" if self.changes else "none"


def read_declaration(path: Path) -> Declaration:
    """Read and check a file. Raises ConfigurationError, which names the place of the first fault."""
    try:
        with path.open("rb") as file:
            text = file.read(MAXIMUM_BYTES + 1)
        if len(text) > MAXIMUM_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAXIMUM_BYTES} bytes.", "Split it.")
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 a SafeLoader
        declaration = Declaration.model_validate_json(json.dumps(document))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "Name a file of namespaces.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = "/".join(map(str, fault["loc"])) or "the whole"
        raise ConfigurationError(f"{path} is wrong at {place}: {fault['msg']}.", NEXT_STEP) from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no YAML that can be applied: {_one_line(error)}.", NEXT_STEP) from error
    names = [declared.name for declared in declaration.namespaces]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"{path} declares {twice!r} twice.", NEXT_STEP)
    return declaration


def plan(hub: HubClient, declaration: Declaration) -> list[Step]:
    """Compare with the hub, and return what is to be done, a step for each namespace of the file. Changes nothing."""
    return [_step(hub, declared) for declared in declaration.namespaces]


def carry_out(hub: HubClient, step: Step) -> None:
    """Do a step, on just what was compared. Raises HubRefused (412) when somebody has changed it meanwhile."""
    name = step.declared.name
    if not step.exists:
        hub.send("POST", "namespaces", {"name": name, **step.fields})
    elif step.fields:
        hub.send("PATCH", path_to(name), step.fields, step.etag)
    if step.limits is not None:
        hub.send("PUT", path_to(name, "limits"), step.limits, step.limits_etag)


def _step(hub: HubClient, declared: DeclaredNamespace) -> Step:
    document = declared.model_dump(mode="json")
    given = {field: document[field] for field in declared.given()}
    limits = declared.limits.model_dump(exclude_none=True) if declared.limits is not None else None
    found = hub.find(path_to(declared.name))
    if found is None:
        changes = [Change(field, None, value) for field, value in given.items()]
        changes += [Change(f"limits.{name}", None, value) for name, value in (limits or {}).items()]
        return Step(declared, False, tuple(changes), given, limits or None)
    fields = {field: value for field, value in given.items() if found.document[field] != value}
    changes = [Change(field, found.document[field], value) for field, value in fields.items()]
    if limits is None:
        return Step(declared, True, tuple(changes), fields, None, found.etag)
    read = hub.get(path_to(declared.name, "limits"))
    held = set_of(read.document)
    differing = list(_limit_changes(read.document["limits"], held, limits))
    body = {**limits, "keys": held["keys"]} if differing else None
    return Step(declared, True, (*changes, *differing), fields, body, found.etag, read.etag)


def _limit_changes(in_force: dict[str, Any], held: dict[str, Any], wanted: dict[str, int]) -> Iterator[Change]:
    for name in in_force:
        if held.get(name) != wanted.get(name):
            yield Change(f"limits.{name}", held.get(name, "default"), wanted.get(name, "default"))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


class _Loader(yaml.SafeLoader):
    """Takes no key twice: of two, YAML's own loader would keep the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See yaml.SafeLoader."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} stands twice in one mapping", node.start_mark
            )
        return super().construct_mapping(node, deep)
