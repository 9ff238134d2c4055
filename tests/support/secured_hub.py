"""A hub on a secured Kafka with two namespaces: one whose writer is honest, one whose writer has every right of a tenant and means ill."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineagehub_agents.agents import AGENTS

from lineagehub.auth.api_keys import parse_api_key
from lineagehub.auth.sealing import HUB_KEY_ID
from lineagehub.broker.access.administration import apply_access
from lineagehub.broker.access.plan import hub_access, tenant_access
from lineagehub.broker.access.scram import new_password
from lineagehub.settings import KafkaSettings
from tests.support.hub import Hub, run_command, start_hub
from tests.support.secured_kafka import SecuredKafka
from tests.support.signing import Writer
from tests.support.waiting import wait_until

HUB_USER = "lineagehub"
HONEST, ATTACKER = "honest-team", "attacker"
BOUND_TOPIC = f"openlineage-events.{HONEST}"
BOUND = {"LINEAGEHUB_KAFKA_BOUND_TOPICS": json.dumps({BOUND_TOPIC: HONEST})}
ATTACKERS_BYTES_A_SECOND = 1_000_000
KEY_SECONDS = 20


@dataclass(frozen=True, slots=True, repr=False)
class Tenant:
    """A namespace with its API key, and its user on the broker."""

    kafka: SecuredKafka
    namespace: str
    api_key: str
    user: str
    password: str

    @property
    def settings(self) -> KafkaSettings:
        """How aiokafka connects as this tenant."""
        return self.kafka.settings(self.user, self.password)

    @property
    def writer(self) -> Writer:
        """Who signs with the API key."""
        key = parse_api_key(self.api_key)
        assert key is not None
        return Writer.of_key(self.namespace, key)

    def environment(self, *, tls: bool = False) -> dict[str, str]:
        """What the SDK is told."""
        return self.kafka.environment(self.user, self.password, tls=tls) | {
            "LINEAGEHUB_TRANSPORT": "kafka",
            "LINEAGEHUB_API_KEY": self.api_key,
            "LINEAGEHUB_NAMESPACE": self.namespace,
        }


@dataclass(frozen=True, slots=True)
class SecuredHub:
    """What the tests attack. The hub's own user has the rights that `lineagehub kafka acls --hub` gives, no more."""

    kafka: SecuredKafka
    hub: Hub
    hub_environment: dict[str, str]
    honest: Tenant
    attacker: Tenant

    @property
    def secret_key(self) -> str:
        """The hub's."""
        return (self.hub.data / "secret.key").read_text().strip()

    def as_hub(self, *arguments: str) -> Any:
        """Run a command with the hub's own rights; return the JSON that it printed."""
        done = run_command(*arguments, "--json", **self.hub_environment, LINEAGEHUB_SECRET_KEY=self.secret_key)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def new_key(self, namespace: str, *arguments: str) -> str:
        """Make another key of a namespace, made if need be, and wait until web and agents know it."""
        api_key: str = self.as_hub("bootstrap", "--namespace", namespace, *arguments)["api_key"]
        path = "/api/v1/search?q=x"
        wait_until(lambda: self.hub.request("GET", path, key=api_key).status == 200, KEY_SECONDS, "the key to be known")
        return api_key

    def forger_of_the_hub(self) -> Writer:
        """Who signs with a key of its own under the hub's key id."""
        return Writer(HONEST, HUB_KEY_ID, self.attacker.writer.sign)


def grant(kafka: SecuredKafka, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run `lineagehub kafka acls … --apply` as the broker's administrator; return what it printed."""
    done = run_command("kafka", "acls", *arguments, "--apply", "--json", **kafka.environment(), **BOUND, **environment)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@contextlib.contextmanager
def start_secured_hub(kafka: SecuredKafka, directory: Path) -> Iterator[SecuredHub]:
    """Give every user its rights, start the hub, make both namespaces; stop the hub at the end."""
    topics = kafka.settings().model_copy(update={"bound_topics": {BOUND_TOPIC: HONEST}})
    users = {
        HUB_USER: hub_access(topics, HUB_USER, list(AGENTS)),
        HONEST: tenant_access(topics, HONEST),
        ATTACKER: tenant_access(topics, ATTACKER, bytes_per_second=ATTACKERS_BYTES_A_SECOND),
    }
    passwords = {name: new_password() for name in users}
    for name, access in users.items():
        asyncio.run(apply_access(kafka.settings(), access, passwords[name], replace_password=False))
    environment = kafka.environment(HUB_USER, passwords[HUB_USER]) | BOUND
    with start_hub(directory, "--kafka", kafka.bootstrap, settings=environment) as hub:
        nobody = Tenant(kafka, "", "", "", "")
        keys = SecuredHub(kafka, hub, environment, nobody, nobody)
        honest, attacker = (
            Tenant(kafka, name, keys.new_key(name), users[name].user, passwords[name]) for name in (HONEST, ATTACKER)
        )
        yield SecuredHub(kafka, hub, environment, honest, attacker)
