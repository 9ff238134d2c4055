"""`lineagehub bootstrap`: a first namespace and its keys on a hub that runs on a Kafka of yours."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import typer


def command(
    namespace: str = typer.Option("demo", help="The namespace to make, unless it is there."),
    days: int = typer.Option(365, min=1, max=3650, help="How long the keys are valid."),
    ed25519: bool = typer.Option(
        False, "--ed25519", help="Its holder signs Kafka records by Ed25519: the hub keeps the public key only."
    ),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Example: lineagehub bootstrap --namespace team-a"""
    from lineagehub.contract.control import SignatureAlgorithm
    from lineagehub.contract.namespaces import is_namespace
    from lineagehub.embedded.control_seed import issue_keys
    from lineagehub.errors import ConfigurationError
    from lineagehub.settings import load_settings

    if not is_namespace(namespace):
        raise ConfigurationError(
            f"{namespace!r} is no namespace.",
            "Use 3 to 63 of a-z, 0-9, dot, dash, underscore; a letter or digit at both ends.",
        )
    settings = load_settings()
    keys = asyncio.run(
        issue_keys(
            settings.kafka,
            settings.require_secret_key(),
            namespace,
            "made by lineagehub bootstrap",
            timedelta(days=days),
            None,
            SignatureAlgorithm.ED25519 if ed25519 else SignatureAlgorithm.HMAC_SHA256,
        )
    )
    if not keys.api_key:
        raise ConfigurationError(
            f"The namespace {namespace!r} is being deleted; only an operator key was made: {keys.operator_key}",
            "Run this again when its data are gone: the web and the storing agents must run for that.",
        )
    if json_output:
        print(json.dumps({"namespace": namespace, "api_key": keys.api_key, "operator_key": keys.operator_key}))
        return
    print(f"Namespace     {namespace}\nAPI key       {keys.api_key}\nOperator key  {keys.operator_key}")
    print("The keys are shown this once. Next:  export LINEAGEHUB_API_KEY=…  and  lineagehub doctor")
