"""How every aiokafka client of ours connects: one place that turns settings into client arguments."""

from __future__ import annotations

import ssl
from typing import Any

from lineagehub.errors import ConfigurationError
from lineagehub.settings import KafkaSettings


def client_arguments(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments common to aiokafka's producer, consumer and admin client. Raises ConfigurationError."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.brokers,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = tls_context(kafka)
    if kafka.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = kafka.sasl_mechanism
        arguments["sasl_plain_username"] = kafka.sasl_username
        arguments["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    return arguments


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Return the context of a TLS connection: certificates and host names are checked. Raises ConfigurationError."""
    try:
        return ssl.create_default_context(cafile=kafka.ssl_cafile or None)
    except OSError as error:
        raise ConfigurationError(
            f"LINEAGEHUB_KAFKA_SSL_CAFILE cannot be read: {error}.", "Name a PEM file with the brokers' authority."
        ) from error
