"""A small HTTP server in the place of an OpenID issuer, to be made to answer what no real one would (openid_provider is a real one)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from joserfc import jwt

from lineagehub.auth.oidc.issuer import DISCOVERY_PATH
from lineagehub.oidc_settings import OidcSettings
from tests.support.openid_provider import SigningKeys

JWKS_PATH = "/jwks"
AUDIENCE = "lineagehub"


@dataclass
class IssuerServer:
    """What it answers: `documents` by path, a status alone where one is a number, raw bytes as they are. `asked` counts; it
    answers nothing until `hold` is set."""

    url: str
    keys: SigningKeys
    documents: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def settings(self) -> OidcSettings:
        """Settings of a hub that believes this issuer."""
        return OidcSettings.model_validate(
            {"issuer": self.url, "audience": AUDIENCE, "group_roles": {"data-team": {"team-a": "reader"}}}
        )

    def publish(self, keys: SigningKeys) -> None:
        """Have these keys, and no others."""
        self.keys = keys
        self.documents[JWKS_PATH] = keys.jwks()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with these changes, those that are None left out."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": now + 300, "iat": now, "groups": ["data-team"]}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, **changes: Any) -> str:
        """Return a token that the issuer signed with its RSA key."""
        return jwt.encode({"alg": "RS256", "kid": self.keys.rsa.kid}, self.claims(**changes), self.keys.rsa)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer the document of the path."""
        self.asked[request.path] += 1
        await self.hold.wait()
        document = self.documents.get(request.path, 404)
        if isinstance(document, int):
            return web.Response(status=document, headers={"Location": "/elsewhere"})
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        return web.Response(body=body, content_type="application/json")


@contextlib.asynccontextmanager
async def start_issuer_server(keys: SigningKeys) -> AsyncIterator[IssuerServer]:
    """Run one on a free port while the block lasts."""
    application = web.Application()
    runner = web.AppRunner(application)
    server = IssuerServer("", keys)
    application.router.add_get("/{path:.*}", server.answer)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server.documents[DISCOVERY_PATH] = {"issuer": server.url, "jwks_uri": server.url + JWKS_PATH}
        server.publish(keys)
        server.hold.set()
        yield server
    finally:
        await runner.cleanup()
