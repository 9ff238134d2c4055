"""Apache Kafka as one that tenants reach should be: SASL on every listener, TLS on two, ACLs for everything.

What stands here is what deploy/kafka-security.md tells an operator to set.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from lineagehub.settings import KafkaSettings
from tests.support.certificates import make_certificate
from tests.support.kafka import Kafka, format_node, free_ports, jars_or_skip

ADMIN = "admin"
PASSWORD = "a-password-of-the-tests"

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=SASL_PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{tls_port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{tls_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL_PLAINTEXT
listener.security.protocol.map=CONTROLLER:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  username="controller" password="{password}" user_controller="{password}";
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
  username="{admin}" password="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca_file}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{admin};User:controller
auto.create.topics.enable=false
log.dirs={directory}/data
num.partitions=4
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@dataclass
class SecuredKafka(Kafka):
    """One node; nobody but `ADMIN` may do anything on it at first."""

    tls_port: int = 0
    ca_file: Path = Path()

    def settings(self, user: str = ADMIN, password: str = PASSWORD) -> KafkaSettings:
        """Return how a hub connects as this user."""
        return KafkaSettings(
            brokers=self.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_username=user,
            sasl_password=SecretStr(password),
        )

    def environment(self, user: str = ADMIN, password: str = PASSWORD, tls: bool = False) -> dict[str, str]:
        """Return the variables by which a hub, or an SDK, connects as this user."""
        secured = {
            "LINEAGEHUB_KAFKA_BROKERS": f"127.0.0.1:{self.tls_port}" if tls else self.bootstrap,
            "LINEAGEHUB_KAFKA_SECURITY_PROTOCOL": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "LINEAGEHUB_KAFKA_SASL_USERNAME": user,
            "LINEAGEHUB_KAFKA_SASL_PASSWORD": password,
        }
        return secured | ({"LINEAGEHUB_KAFKA_SSL_CAFILE": str(self.ca_file)} if tls else {})


@contextlib.contextmanager
def secured_kafka_or_skip(directory: Path) -> Iterator[SecuredKafka]:
    """Start a fresh node in `directory`; stop it at the end. Skips as `kafka_or_skip` does."""
    jars_or_skip()
    port, tls_port, controller = free_ports(3)
    keystore, ca_file = make_certificate(directory)
    properties = PROPERTIES.format(
        port=port,
        tls_port=tls_port,
        controller=controller,
        keystore=keystore,
        ca_file=ca_file,
        directory=directory,
        admin=ADMIN,
        password=PASSWORD,
    )
    format_node(directory, properties, "--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={PASSWORD}]")
    kafka = SecuredKafka(directory, port, tls_port=tls_port, ca_file=ca_file)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.stop()
