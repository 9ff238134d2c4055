"""`lineagehub kafka acls`: the broker's side of a namespace: its user, what it may write, how much. Printed, or applied."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

import typer

from lineagehub.broker.access import scram
from lineagehub.broker.access.administration import Changes, apply_access, remove_access
from lineagehub.broker.access.plan import (
    DEFAULT_BYTES_PER_SECOND,
    DEFAULT_REQUEST_PERCENTAGE,
    Access,
    TopicChoice,
    hub_access,
    tenant_access,
)
from lineagehub.broker.access.shell import commands_to_apply, commands_to_remove
from lineagehub.contract.namespaces import is_namespace
from lineagehub.errors import ConfigurationError
from lineagehub.settings import KafkaSettings, load_settings
from lineagehub.telemetry.logs import configure_logging

PASSWORD_VARIABLE = "LINEAGEHUB_TENANT_PASSWORD"  # noqa: S105 The name of a variable.

command = typer.Typer(no_args_is_help=True)


@command.callback()
def _kafka() -> None:
    """Keeps `acls` a command of its own while it is the only one."""


@command.command("acls")
def acls(
    namespace: str = typer.Argument("", help="The namespace whose user, ns-NAMESPACE, is meant."),
    hub: str = typer.Option(
        "", "--hub", metavar="USER", help="Instead of a namespace: the hub's own user, if it is no super user."
    ),
    topics: TopicChoice = typer.Option(
        TopicChoice.ALL, help="Write to the shared topics, to those bound to the namespace only, or to all of these."
    ),
    bytes_per_second: float = typer.Option(DEFAULT_BYTES_PER_SECOND, min=1, help="Quota of each broker."),
    request_percentage: float = typer.Option(
        DEFAULT_REQUEST_PERCENTAGE, min=1, help="Quota of a broker's time: 100 is one of its threads."
    ),
    apply: bool = typer.Option(False, "--apply/--dry-run", help="Do it; else print what would be done."),
    remove: bool = typer.Option(False, "--remove", help="Take the user, its ACLs and its quotas away."),
    new_password: bool = typer.Option(False, "--new-password", help="Replace the password of a user that is there."),
    password_stdin: bool = typer.Option(
        False,
        "--password-stdin",
        help=f"Read the password from standard input; else from {PASSWORD_VARIABLE}; else make one.",
    ),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """What a namespace may do on a Kafka with ACLs: write to its topics, nothing else. Example: lineagehub kafka acls team-a --apply"""
    configure_logging("error", "kafka")
    kafka = load_settings().kafka
    access = _access(kafka, namespace, hub, topics, bytes_per_second, request_percentage)
    if not apply:
        _print_plan(kafka, access, remove, json_output)
        return
    if remove:
        outcome = _Outcome(access, asyncio.run(remove_access(kafka, access)), "")
    else:
        given = _given_password(password_stdin)
        password = given or scram.new_password()
        scram.require_fit_password(password)
        replace = new_password or bool(given)
        changes = asyncio.run(apply_access(kafka, access, password, replace_password=replace))
        outcome = _Outcome(access, changes, password if changes.password_set and not given else "")
    print(json.dumps(outcome.document()) if json_output else outcome.text(kafka, remove))


@dataclass(frozen=True, slots=True, repr=False)
class _Outcome:
    """What was done. `password` is there if it was made here: it is shown this once."""

    access: Access
    changes: Changes
    password: str

    def document(self) -> dict[str, Any]:
        password = {"password": self.password} if self.password else {}
        return {"user": self.access.user, "changes": self.changes.sentences, **password}

    def text(self, kafka: KafkaSettings, removed: bool) -> str:
        lines = list(self.changes.sentences) or ["Nothing to do: the broker is as planned."]
        if self.password:
            lines += [
                "",
                "The password is shown this once. What connects with it sets:",
                f"  LINEAGEHUB_KAFKA_BROKERS={kafka.brokers}",
                f"  LINEAGEHUB_KAFKA_SECURITY_PROTOCOL={kafka.security_protocol}",
                f"  LINEAGEHUB_KAFKA_SASL_USERNAME={self.access.user}",
                f"  LINEAGEHUB_KAFKA_SASL_PASSWORD={self.password}",
            ]
        if removed and self.changes.sentences:
            lines.append(
                "What is connected stays so, without rights, until it disconnects or connections.max.reauth.ms is over."
            )
        return "\n".join(lines)


def _access(
    kafka: KafkaSettings,
    namespace: str,
    hub: str,
    topics: TopicChoice,
    bytes_per_second: float,
    request_percentage: float,
) -> Access:
    if bool(namespace) == bool(hub):
        raise typer.BadParameter("Name a namespace, or --hub USER.")
    if hub:
        return hub_access(kafka, hub, _consumer_groups())
    if not is_namespace(namespace):
        raise ConfigurationError(
            f"{namespace!r} is no namespace.",
            "Use 3 to 63 of a-z, 0-9, dot, dash, underscore; a letter or digit at both ends.",
        )
    access = tenant_access(kafka, namespace, topics, bytes_per_second, request_percentage)
    if not access.acls:
        raise ConfigurationError(
            f"No topic is bound to {namespace}, so it could write nowhere.",
            "Name its topics in LINEAGEHUB_KAFKA_BOUND_TOPICS, or use --topics all.",
        )
    return access


def _consumer_groups() -> list[str]:
    try:
        from lineagehub_agents.agents import AGENTS
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The agents, whose groups are asked for, are not installed.", "pip install lineagehub-agents"
        ) from error
    return list(AGENTS)


def _given_password(from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_stdin else os.environ.get(PASSWORD_VARIABLE, "")


def _print_plan(kafka: KafkaSettings, access: Access, remove: bool, json_output: bool) -> None:
    commands = (commands_to_remove if remove else commands_to_apply)(access, kafka.brokers)
    if json_output:
        plan = {
            "user": access.user,
            "acls": [
                {"resource": acl.resource_type.name.lower(), "name": acl.name, "operation": acl.operation.name}
                for acl in access.acls
            ],
            "quotas": access.quotas,
            "commands": commands,
        }
        print(json.dumps(plan))
        return
    print(f"User {access.user}, {'without' if remove else 'with'}:")
    for acl in access.acls:
        print(f"  {acl}")
    for name, value in access.quotas.items():
        print(f"  quota {name}={value:.0f}")
    print("\nWith Kafka's own commands, admin.properties being a super user's client configuration:\n")
    print("\n".join(commands))
    print("\nThis command does it itself with --apply.")
