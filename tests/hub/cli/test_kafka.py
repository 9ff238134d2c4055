"""`lineagehub kafka acls` without a broker: the plan, the commands it prints, and what it refuses."""

from __future__ import annotations

import io

import pytest
import typer

from lineagehub.broker.access.administration import apply_access
from lineagehub.broker.access.plan import TopicChoice, hub_access, tenant_access
from lineagehub.broker.access.scram import new_password, require_fit_password
from lineagehub.broker.access.shell import commands_to_apply, commands_to_remove
from lineagehub.cli.kafka import PASSWORD_VARIABLE, _access, _given_password
from lineagehub.contract.topics import TOPICS
from lineagehub.errors import ConfigurationError
from lineagehub.settings import KafkaSettings
from tests.support.broker import start_embedded_broker
from tests.support.hub import run_command

SHARED = ("openlineage-events", "otel-spans", "otel-metrics", "otel-logs")
OWN = "openlineage-events.team-a"
KAFKA = KafkaSettings(bound_topics={OWN: "team-a", "otel-spans.team-b": "team-b"})


def rules(namespace: str, choice: TopicChoice) -> list[str]:
    return [str(acl) for acl in tenant_access(KAFKA, namespace, choice).acls]


def expected(*topics: str) -> list[str]:
    return [f"{operation} on topic {topic}" for topic in topics for operation in ("WRITE", "DESCRIBE")]


def test_a_tenant_may_write_to_the_shared_topics_and_its_own_and_nothing_else() -> None:
    assert rules("team-a", TopicChoice.ALL) == expected(*SHARED, OWN)
    assert rules("team-a", TopicChoice.SHARED) == expected(*SHARED)
    assert rules("team-a", TopicChoice.BOUND) == expected(OWN)
    assert rules("team-c", TopicChoice.ALL) == expected(*SHARED)
    assert rules("team-c", TopicChoice.BOUND) == []


def test_the_plan_knows_renamed_topics() -> None:
    renamed = KafkaSettings(topic_names={"otel-logs": "logs"})
    names = {acl.name for acl in tenant_access(renamed, "team-a").acls}
    assert names == {"openlineage-events", "otel-spans", "otel-metrics", "logs"}


def test_the_hub_has_every_topic_and_its_groups_and_no_tenant_has_one_of_the_hubs() -> None:
    hub = hub_access(KAFKA, "lineagehub", ["lineage-store"])
    assert {acl.name for acl in hub.acls} == {topic.name for topic in TOPICS} | set(KAFKA.bound_topics) | {
        "lineage-store"
    }
    internal = {topic.name for topic in TOPICS} - set(SHARED)
    assert not internal & {acl.name for acl in tenant_access(KAFKA, "team-a").acls}
    assert not hub.quotas


def test_the_commands_are_those_of_kafkas_own_scripts() -> None:
    tool = "--bootstrap-server kafka:9092 --command-config admin.properties"
    user = f"kafka-configs.sh {tool} --entity-type users --entity-name ns-team-a --alter"
    rule = "--allow-principal User:ns-team-a --operation Write --operation Describe"
    topic = f"--topic {OWN} --resource-pattern-type literal"
    access = tenant_access(KAFKA, "team-a", TopicChoice.BOUND)
    assert commands_to_apply(access, "kafka:9092") == [
        f"{user} --add-config 'SCRAM-SHA-512=[iterations=8192,password=PASSWORD]'",
        f"kafka-acls.sh {tool} --add {rule} {topic}",
        f"{user} --add-config producer_byte_rate=10485760,request_percentage=50",
    ]
    assert commands_to_remove(access, "kafka:9092") == [
        f"kafka-acls.sh {tool} --remove --force {rule} {topic}",
        f"{user} --delete-config producer_byte_rate,request_percentage",
        f"{user} --delete-config SCRAM-SHA-512",
    ]


def test_printing_the_plan_needs_no_broker_and_says_how_to_apply_it() -> None:
    printed = run_command("kafka", "acls", "--hub", "lineagehub", LINEAGEHUB_KAFKA_BROKERS="127.0.0.1:1")
    assert printed.returncode == 0, printed.stderr
    assert "--operation DescribeConfigs --topic lineagehub-control" in printed.stdout
    assert "--group lineage-store" in printed.stdout
    assert "--apply" in printed.stdout


@pytest.mark.parametrize(
    ("namespace", "hub", "topics", "words"),
    [
        ("", "", TopicChoice.ALL, "Name a namespace, or --hub USER"),
        ("team-a", "lineagehub", TopicChoice.ALL, "Name a namespace, or --hub USER"),
        ("Team A", "", TopicChoice.ALL, "is no namespace"),
        ("team-c", "", TopicChoice.BOUND, "No topic is bound to team-c"),
    ],
)
def test_what_makes_no_sense_is_refused(namespace: str, hub: str, topics: TopicChoice, words: str) -> None:
    with pytest.raises((ConfigurationError, typer.BadParameter), match=words):
        _access(KAFKA, namespace, hub, topics, 1, 1)


@pytest.mark.parametrize("password", ["too-short", "sixteen characters\n", "p\u00e4sswords of umlauts"])
def test_an_unfit_password_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16") as caught:
        require_fit_password(password)
    assert password not in str(caught.value)
    require_fit_password(new_password())


def test_a_password_comes_from_standard_input_or_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("of standard input\nnot this\n"))
    monkeypatch.setenv(PASSWORD_VARIABLE, "of the variable")
    assert _given_password(from_stdin=True) == "of standard input"
    assert _given_password(from_stdin=False) == "of the variable"


async def test_a_broker_that_knows_no_acls_is_named() -> None:
    with start_embedded_broker() as broker:
        access = tenant_access(KAFKA, "team-a")
        with pytest.raises(ConfigurationError, match="has no ACLs"):
            await apply_access(broker.settings(), access, new_password(), replace_password=False)
