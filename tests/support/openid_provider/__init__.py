"""A real OpenID provider for tests: npm's oidc-provider, which is certified, in a process of its own. Needs Node 20.10 and npm."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from tests.support.node_packages import node_modules

APPLICATION = Path(__file__).parent
STOP_SECONDS = 10
SECRET = "a secret of these tests' clients"


@dataclass
class SigningKeys:
    """The private keys of an issuer: one of RSA and one of an elliptic curve, with key ids that end in `generation`."""

    generation: str
    rsa: RSAKey = field(init=False)
    ec: ECKey = field(init=False)

    def __post_init__(self) -> None:
        self.rsa = RSAKey.generate_key(2048, {"kid": f"rsa-{self.generation}", "use": "sig", "alg": "RS256"})
        self.ec = ECKey.generate_key("P-256", {"kid": f"ec-{self.generation}", "use": "sig", "alg": "ES256"})

    def jwks(self, private: bool = False) -> dict[str, list[Any]]:
        """Return the JWKS."""
        return {"keys": [self.rsa.as_dict(private=private), self.ec.as_dict(private=private)]}


@dataclass
class OpenIdProvider:
    """One running provider. `clients` is the groups of each client by its id."""

    process: subprocess.Popen[str]
    audience: str
    clients: dict[str, list[str]]
    keys: SigningKeys
    issuer: str = ""

    def use(self, keys: SigningKeys) -> None:
        """Publish these keys, and no others, and sign with them."""
        self.keys = keys
        clients = {
            name: {"secret": SECRET, "groups": groups, "alg": "ES256" if name.endswith("-ec") else "RS256"}
            for name, groups in self.clients.items()
        }
        configuration = {"jwks": keys.jwks(private=True), "audience": self.audience, "clients": clients}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(configuration) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the provider ended with {self.process.wait(STOP_SECONDS)}"
        self.issuer = json.loads(line)["issuer"]

    def token(self, client: str) -> str:
        """Return an access token of a client, by the grant client_credentials."""
        request = urllib.request.Request(
            f"{self.issuer}/token", data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        )
        pair = f"{client}:{urllib.parse.quote_plus(SECRET)}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def stop(self) -> None:
        """End the process. May be repeated."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def start_openid_provider(audience: str, clients: dict[str, list[str]]) -> Iterator[OpenIdProvider]:
    """Run a provider while the block lasts. Raises NodeMissing."""
    modules = node_modules(APPLICATION, "openid-provider", "20.10")
    process = subprocess.Popen(
        ["node", str(APPLICATION / "provider.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PROVIDER_MODULES": str(modules)},
    )
    provider = OpenIdProvider(process, audience, clients, SigningKeys("1"))
    try:
        provider.use(provider.keys)
        yield provider
    finally:
        provider.stop()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
