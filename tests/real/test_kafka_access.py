"""`lineagehub kafka acls` on Apache Kafka, and the SDK as the user that it makes, with and without TLS, by both algorithms."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from lineagehub.broker.access.administration import apply_access
from lineagehub.broker.access.plan import Access
from tests.support.attacks import ARRIVE_SECONDS, EVENTS, SPANS, producer, stored, wait_stored_once
from tests.support.hub import clean_environment, run_command
from tests.support.kafka import run_tool
from tests.support.secured_hub import BOUND_TOPIC, HONEST, SecuredHub, Tenant, grant
from tests.support.secured_kafka import ADMIN, PASSWORD
from tests.support.waiting import wait_until_async

EMIT = """
import logging, sys
import lineagehub_sdk as sdk
logging.basicConfig()
with sdk.run(sys.argv[1]):
    pass
sys.exit(not sdk.flush(float(sys.argv[2])))
"""


def _emit(
    tenant: Tenant, job: str, patience_seconds: float, *, tls: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", EMIT, job, str(patience_seconds)],
        env=clean_environment() | tenant.environment(tls=tls) | {"LINEAGEHUB_FLUSH_TIMEOUT": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("tls", [False, True], ids=["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("algorithm", ["hmac", "ed25519"])
def test_what_the_sdk_signs_is_taken(secured: SecuredHub, tls: bool, algorithm: str) -> None:
    job = f"by-sdk-{algorithm}-{tls}"
    key = secured.new_key(HONEST, "--ed25519") if algorithm == "ed25519" else secured.honest.api_key
    assert ("_ed25519_" in key) == (algorithm == "ed25519")
    sent = _emit(secured.honest, job, ARRIVE_SECONDS, tls=tls, LINEAGEHUB_API_KEY=key)
    assert sent.returncode == 0, sent.stderr
    assert not sent.stderr
    wait_stored_once(secured, job, count=2)


def test_the_sdk_says_why_nothing_is_sent(secured: SecuredHub) -> None:
    for environment, tls, words in (
        ({"LINEAGEHUB_KAFKA_SASL_PASSWORD": "wrong-password"}, False, f"refuses the user '{secured.honest.user}'"),
        ({"LINEAGEHUB_KAFKA_SSL_CAFILE": ""}, True, "does not answer, or refuses"),
        ({"LINEAGEHUB_KAFKA_SECURITY_PROTOCOL": "SASL-SSL"}, False, "LINEAGEHUB_KAFKA_SECURITY_PROTOCOL is 'SASL-SSL'"),
        ({"LINEAGEHUB_KAFKA_SASL_PASSWORD": ""}, False, "LINEAGEHUB_KAFKA_SASL_PASSWORD"),
    ):
        sent = _emit(secured.honest, "never-sent", 2, tls=tls, **environment)
        assert words in sent.stderr, sent.stderr
    assert stored(secured, "never-sent") == 0


async def test_a_user_without_rights_is_told_so_by_the_sdk(secured: SecuredHub) -> None:
    user, password = "ns-without-rights", "a-password-of-the-tests"
    await apply_access(secured.kafka.settings(), Access(user, (), {}, exact=True), password, replace_password=False)
    tenant = Tenant(secured.kafka, HONEST, secured.honest.api_key, user, password)
    sent = _emit(tenant, "never-sent", 3)
    assert f"does not let the user '{user}' write" in sent.stderr, sent.stderr


def test_repeating_it_changes_nothing_and_a_password_is_shown_once(secured: SecuredHub) -> None:
    first = grant(secured.kafka, "repeated")
    assert first["user"] == "ns-repeated"
    assert len(first["password"]) == 43
    assert grant(secured.kafka, "repeated") == {"user": "ns-repeated", "changes": []}
    changed = grant(secured.kafka, "repeated", "--bytes-per-second", "5000", "--new-password")
    assert changed["changes"] == ["Quota set: producer_byte_rate=5000.", "User ns-repeated has a new password."]
    assert changed["password"] != first["password"]


async def test_a_narrower_plan_takes_away_what_is_no_longer_in_it(secured: SecuredHub) -> None:
    """Hard isolation: the namespace's own topic only."""
    try:
        narrowed = grant(secured.kafka, HONEST, "--topics", "bound")
        assert narrowed["changes"] == [
            f"ACLs removed: WRITE, DESCRIBE on TOPIC {topic}."
            for topic in ("openlineage-events", "otel-logs", "otel-metrics", "otel-spans")
        ]
        async with producer(secured.honest.settings) as writing:
            await writing.send_and_wait(BOUND_TOPIC, b"no JSON")
            with pytest.raises(TopicAuthorizationFailedError):
                await writing.send_and_wait(EVENTS, b"no JSON")
    finally:
        restored = grant(secured.kafka, HONEST)
    assert restored["changes"] == [change.replace("removed", "added") for change in narrowed["changes"]]


async def test_a_password_that_is_given_is_taken_and_not_shown(secured: SecuredHub) -> None:
    password = "a-password-of-an-operator"
    made = grant(secured.kafka, "given-one", LINEAGEHUB_TENANT_PASSWORD=password)
    assert made["changes"][-1] == "User ns-given-one made."
    assert "password" not in made
    async with producer(secured.kafka.settings(made["user"], password)) as writing:
        await writing.send_and_wait(SPANS, b"x")


async def test_who_is_removed_can_do_nothing_more_even_while_connected(secured: SecuredHub) -> None:
    made = grant(secured.kafka, "removed")
    async with producer(secured.kafka.settings(made["user"], made["password"])) as writing:
        await writing.send_and_wait(SPANS, b"x", partition=0)
        removed = grant(secured.kafka, "removed", "--remove")
        assert removed["changes"][-1] == "User ns-removed removed."

        async def is_refused() -> bool:
            try:
                await writing.send_and_wait(SPANS, b"x", partition=0)
            except TopicAuthorizationFailedError:
                return True
            return False

        await wait_until_async(is_refused, ARRIVE_SECONDS, "the open connection to be refused")
    assert grant(secured.kafka, "removed", "--remove") == {"user": "ns-removed", "changes": []}


def test_who_may_not_administer_the_broker_is_told_so(secured: SecuredHub) -> None:
    done = run_command("kafka", "acls", "some-team", "--apply", **secured.hub_environment)
    assert done.returncode == 78
    assert "does not let this user administer it" in done.stderr


def test_a_wrong_password_of_the_hubs_own_is_named_by_doctor(secured: SecuredHub) -> None:
    done = run_command("doctor", **secured.hub_environment | {"LINEAGEHUB_KAFKA_SASL_PASSWORD": "wrong-password"})
    assert done.returncode == 1
    assert "refuses the user 'lineagehub'" in done.stdout


def test_the_printed_command_of_kafka_configs_makes_the_user(secured: SecuredHub, tmp_path: Path) -> None:
    """Of kafka-acls.sh the jars have not the tool; its commands are compared word by word in tests/hub/cli/test_kafka.py."""
    properties = tmp_path / "admin.properties"
    properties.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{ADMIN}" password="{PASSWORD}";\n'
    )
    planned = run_command("kafka", "acls", "by-hand", **secured.kafka.environment())
    assert planned.returncode == 0, planned.stderr
    command, _ = re.findall(r"^kafka-configs\.sh (.*)$", planned.stdout, re.MULTILINE)
    run_tool("kafka.admin.ConfigCommand", *shlex.split(command.replace("admin.properties", str(properties))))
    applied = grant(secured.kafka, "by-hand")
    assert {change.partition(":")[0] for change in applied["changes"]} == {"ACLs added", "Quota set"}
    assert "password" not in applied
