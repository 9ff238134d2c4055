"""Brings a broker to a plan, over Kafka's admin protocol: SCRAM user, ACLs, quotas. May be repeated; what fits is left alone.

Called by `lineagehub kafka acls`. Needs a super user, or one with ALTER and DESCRIBE on the cluster. Never touches
another user's rules, nor rules that deny.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, for_code
from aiokafka.protocol.api import RequestStruct

from lineagehub.broker.access import requests, scram
from lineagehub.broker.access.plan import Access, Acl, Operation, ResourceType
from lineagehub.broker.topics import open_admin
from lineagehub.errors import ConfigurationError, Unavailable
from lineagehub.settings import KafkaSettings

ANY = 1
LITERAL = 3
ALLOW = 3
MATCH_EXACTLY = 0
RESOURCE_NOT_FOUND = 91
"""There are no credentials of this user."""
SECURITY_DISABLED = 54
REFUSED = (29, 30, 31)
"""Topic, group and cluster authorization failed."""

Rule = tuple[int, str, int, int]
"""Resource type, resource name, pattern type, operation: any rule that allows, also such as no plan has."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was done, as sentences; nothing, if the broker was as planned. `password_set`: the password given is now the user's."""

    sentences: tuple[str, ...]
    password_set: bool = False


async def apply_access(kafka: KafkaSettings, access: Access, password: str, *, replace_password: bool) -> Changes:
    """Bring the broker to the plan. A user that is there keeps its password, unless `replace_password`.

    An ACL of the plan that is there for some hosts only stays as it is. Raises Unavailable, ConfigurationError.
    """
    async with _connect(kafka) as broker:
        rules = await broker.rules_of(access.principal)
        planned = {_rule(acl) for acl in access.acls}
        surplus, missing = sorted(rules - planned) if access.exact else [], sorted(planned - rules)
        sentences: list[str] = []
        # What must not be allowed goes first: whatever fails later, too much is not allowed.
        if surplus:
            await broker.delete_rules(access.principal, surplus)
            sentences += _told("ACLs removed", surplus)
        former = await broker.quotas_of(access.user)
        changed = {name: value for name, value in access.quotas.items() if former.get(name) != value}
        if changed:
            await broker.set_quotas(access.user, changed)
            sentences += [f"Quota set: {name}={value:.0f}." for name, value in changed.items()]
        if missing:
            await broker.create_rules(access.principal, missing)
            sentences += _told("ACLs added", missing)
        is_new = not await broker.has_credentials(access.user)
        if is_new or replace_password:
            await broker.set_password(access.user, password)
            sentences.append(f"User {access.user} {'made' if is_new else 'has a new password'}.")
        return Changes(tuple(sentences), is_new or replace_password)


async def remove_access(kafka: KafkaSettings, access: Access) -> Changes:
    """Take away every ACL that allows this user something, its quotas and its password. Raises Unavailable, ConfigurationError.

    Without its ACLs a connection that is open can do nothing more; Kafka does not close it.
    """
    async with _connect(kafka) as broker:
        sentences: list[str] = []
        rules = sorted(await broker.rules_of(access.principal))
        if rules:
            await broker.delete_rules(access.principal, rules)
            sentences += _told("ACLs removed", rules)
        quotas = await broker.quotas_of(access.user)
        if quotas:
            await broker.remove_quotas(access.user, list(quotas))
            sentences += [f"Quota removed: {name}." for name in quotas]
        if await broker.has_credentials(access.user):
            await broker.delete_password(access.user)
            sentences.append(f"User {access.user} removed.")
        return Changes(tuple(sentences))


class _Broker:
    """The admin requests of one connection; an error code of the broker's becomes an error of ours."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def rules_of(self, principal: str) -> set[Rule]:
        """Return the rules that allow the principal something, on whatever hosts."""
        request = requests.DescribeAclsRequest_v1(ANY, None, ANY, principal, None, ANY, ALLOW)
        answer = await self._ask(request)
        _require_done(answer.error_code, answer.error_message)
        return {
            (resource_type, name, pattern, operation)
            for resource_type, name, pattern, acls in answer.resources
            for _, _, operation, _ in acls
        }

    async def create_rules(self, principal: str, rules: Sequence[Rule]) -> None:
        """Allow the principal these, from any host."""
        creations = [(*rule[:3], principal, "*", rule[3], ALLOW) for rule in rules]
        for result in (await self._ask(requests.CreateAclsRequest_v1(creations))).creation_responses:
            _require_done(*result)

    async def delete_rules(self, principal: str, rules: Sequence[Rule]) -> None:
        """Take these away, on whatever hosts."""
        filters = [(*rule[:3], principal, None, rule[3], ALLOW) for rule in rules]
        for code, message, _ in (await self._ask(requests.DeleteAclsRequest_v1(filters))).filter_responses:
            _require_done(code, message)

    async def quotas_of(self, user: str) -> dict[str, float]:
        """Return the quotas that are the user's own, not a default."""
        answer = await self._ask(requests.DescribeClientQuotasRequest_v0([("user", MATCH_EXACTLY, user)], True))
        _require_done(answer.error_code, answer.error_message)
        return {name: value for _, values in answer.entries for name, value in values}

    async def set_quotas(self, user: str, quotas: dict[str, float]) -> None:
        """Set these, leave others."""
        await self._alter_quotas(user, [(name, value, False) for name, value in quotas.items()])

    async def remove_quotas(self, user: str, names: Sequence[str]) -> None:
        """Remove these."""
        await self._alter_quotas(user, [(name, 0.0, True) for name in names])

    async def has_credentials(self, user: str) -> bool:
        """Whether the user has a password of our mechanism."""
        answer = await self._ask(requests.DescribeUserScramCredentialsRequest([(user, {})], {}))
        _require_done(answer.error_code, answer.error_message)
        ((_, code, message, credentials, _),) = answer.results
        if code == RESOURCE_NOT_FOUND:
            return False
        _require_done(code, message)
        return any(mechanism == scram.MECHANISM_NUMBER for mechanism, _, _ in credentials)

    async def set_password(self, user: str, password: str) -> None:
        """Make the user, or give it this password."""
        salt, salted_password = scram.salted(password)
        upsertion: tuple[Any, ...] = (user, scram.MECHANISM_NUMBER, scram.ITERATIONS, salt, salted_password, {})
        await self._alter_credentials([], [upsertion])

    async def delete_password(self, user: str) -> None:
        """Let nobody authenticate as the user any more."""
        await self._alter_credentials([(user, scram.MECHANISM_NUMBER, {})], [])

    async def _alter_credentials(self, deletions: list[Any], upsertions: list[Any]) -> None:
        answer = await self._ask(requests.AlterUserScramCredentialsRequest(deletions, upsertions, {}))
        for _, code, message, _ in answer.results:
            _require_done(code, message)

    async def _alter_quotas(self, user: str, changes: list[tuple[str, float, bool]]) -> None:
        answer = await self._ask(requests.AlterClientQuotasRequest([([("user", user)], changes)], False))
        for code, message, _ in answer.entries:
            _require_done(code, message)

    async def _ask(self, request: RequestStruct) -> Any:
        return await self._admin._send_request(requests.OneVersion(request))


@asynccontextmanager
async def _connect(kafka: KafkaSettings) -> AsyncIterator[_Broker]:
    async with open_admin(kafka) as admin:
        try:
            yield _Broker(admin)
        except IncompatibleBrokerVersion as error:
            raise ConfigurationError(
                f"The broker at {kafka.brokers} has no ACLs ({error}).",
                "Use Apache Kafka 3 or newer; the embedded broker is for one machine only.",
            ) from error


def _require_done(code: int, message: str | None) -> None:
    """Raise what the broker's error code means for whoever runs the command."""
    if code == 0:
        return
    if code == SECURITY_DISABLED:
        raise ConfigurationError(
            "The broker has no authorizer, so ACLs would protect nothing.",
            "Set authorizer.class.name on brokers and controllers: deploy/kafka-security.md.",
        )
    if code in REFUSED:
        raise ConfigurationError(
            "The broker does not let this user administer it.",
            "Set LINEAGEHUB_KAFKA_SASL_USERNAME and LINEAGEHUB_KAFKA_SASL_PASSWORD to a super user's.",
        )
    raise Unavailable("kafka", f"Kafka refused: {for_code(code).__name__} {message or ''}".strip() + ".")


def _rule(acl: Acl) -> Rule:
    return (acl.resource_type.value, acl.name, LITERAL, acl.operation.value)


def _told(what: str, rules: Sequence[Rule]) -> list[str]:
    """Say what was done to these rules, one sentence a resource; a surplus rule may be of any kind."""
    sentences = []
    for (number, name, pattern), together in groupby(rules, lambda rule: rule[:3]):
        operations = ", ".join(_name_of(Operation, rule[3]) for rule in together)
        narrowed = "" if pattern == LITERAL else f" (pattern type {pattern})"
        sentences.append(f"{what}: {operations} on {_name_of(ResourceType, number)} {name}{narrowed}.")
    return sentences


def _name_of(kind: type[IntEnum], number: int) -> str:
    return next((member.name for member in kind if member == number), str(number))
