"""A plan as the commands of Kafka's own distribution, for who administers the broker by hand. Prints nothing, runs nothing."""

from __future__ import annotations

from itertools import groupby
from shlex import quote

from lineagehub.broker.access.plan import Access, Acl
from lineagehub.broker.access.scram import ITERATIONS, MECHANISM

PASSWORD_PLACE = "PASSWORD"  # noqa: S105 What the reader puts the password in place of.


def commands_to_apply(access: Access, brokers: str) -> list[str]:
    """Return the commands that make the user, its ACLs and its quotas. They may be repeated."""
    credentials = f"{MECHANISM}=[iterations={ITERATIONS},password={PASSWORD_PLACE}]"
    commands = [_configs(access, brokers, f"--alter --add-config {quote(credentials)}")]
    commands += [_acls(access, brokers, "--add", acls) for acls in _by_resource(access)]
    if access.quotas:
        quotas = ",".join(f"{name}={value:.0f}" for name, value in access.quotas.items())
        commands.append(_configs(access, brokers, f"--alter --add-config {quote(quotas)}"))
    return commands


def commands_to_remove(access: Access, brokers: str) -> list[str]:
    """Return the commands that take the ACLs of the plan, the quotas and the user away, in that order."""
    commands = [_acls(access, brokers, "--remove --force", acls) for acls in _by_resource(access)]
    if access.quotas:
        commands.append(_configs(access, brokers, f"--alter --delete-config {quote(','.join(access.quotas))}"))
    return [*commands, _configs(access, brokers, f"--alter --delete-config {MECHANISM}")]


def _by_resource(access: Access) -> list[list[Acl]]:
    return [list(acls) for _, acls in groupby(access.acls, lambda acl: (acl.resource_type, acl.name))]


def _configs(access: Access, brokers: str, change: str) -> str:
    return f"{_tool('kafka-configs.sh', brokers)} --entity-type users --entity-name {quote(access.user)} {change}"


def _acls(access: Access, brokers: str, change: str, acls: list[Acl]) -> str:
    operations = " ".join(f"--operation {_words(acl.operation.name)}" for acl in acls)
    resource = f"--{acls[0].resource_type.name.lower()} {quote(acls[0].name)} --resource-pattern-type literal"
    return f"{_tool('kafka-acls.sh', brokers)} {change} --allow-principal {quote(access.principal)} {operations} {resource}"


def _tool(name: str, brokers: str) -> str:
    return f"{name} --bootstrap-server {quote(brokers)} --command-config admin.properties"


def _words(operation: str) -> str:
    return operation.title().replace("_", "")
