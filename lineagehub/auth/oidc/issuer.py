"""The OpenID Connect issuer: its discovery document and its keys, read when they are needed and remembered.

It is asked again when the keys are older than `jwks_seconds`, and for a key id that it did not have, at most once a minute, so that
nobody can make the hub call it at will. While it does not answer, the keys last read are believed for an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
import structlog

from lineagehub.addresses import is_trustworthy
from lineagehub.auth.oidc.keys import PublicKey, usable_keys
from lineagehub.errors import Unavailable
from lineagehub.oidc_settings import OidcSettings

log = structlog.get_logger(__name__)

DISCOVERY_PATH = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 5.0
DOCUMENT_BYTES = 512 * 1024
RETRY_SECONDS = 5.0
"""Between attempts while there are no keys at all."""
REFETCH_SECONDS = 60.0
"""Between attempts while there are keys."""
BELIEVED_SECONDS = 3600.0
"""How long an issuer that does not answer is taken to stand by its keys."""


class IssuerFault(Exception):
    """The issuer did not answer, or not as it must; str() says how, for the log."""


class Issuer:
    """The keys of one issuer. `clock` gives seconds that never go back."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._asking: asyncio.Task[None] | None = None
        self._keys: Mapping[str, PublicKey] = {}
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        self._asked_for_unknown_at = float("-inf")
        self._fault = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def key(self, kid: str) -> PublicKey | None:
        """Return the key with this id, or None if the issuer has none. Raises Unavailable while that cannot be known."""
        await self.keys()
        if kid not in self._keys:
            await self._ask_for_unknown()
        key = self._keys.get(kid)
        if key is None and self._fault:
            raise self._unavailable()
        return key

    async def keys(self) -> Mapping[str, PublicKey]:
        """Return the keys that are believed now. Raises Unavailable when there are none."""
        if self._is_due():
            self._begin_to_ask()
            await self._answer()
        if self._clock() - self._read_at > max(BELIEVED_SECONDS, self._settings.jwks_seconds):
            self._keys = {}
            raise self._unavailable()
        return self._keys

    def _is_due(self) -> bool:
        pause = REFETCH_SECONDS if self._keys else RETRY_SECONDS
        now = self._clock()
        return now - self._read_at >= self._settings.jwks_seconds and now - self._asked_at >= pause

    async def _ask_for_unknown(self) -> None:
        if self._clock() - self._asked_for_unknown_at >= REFETCH_SECONDS:
            self._asked_for_unknown_at = self._clock()
            self._begin_to_ask()
        await self._answer()

    def _begin_to_ask(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="asking the OpenID issuer")

    async def _answer(self) -> None:
        # All wait for one answer; who goes away meanwhile does not take it from the others.
        if self._asking is not None:
            await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        try:
            self._keys = await self._read()
        except IssuerFault as fault:
            self._fault = str(fault)
            log.warning("The OpenID issuer's keys cannot be read.", issuer=self._settings.issuer, fault=self._fault)
        else:
            self._fault = ""
            self._read_at = self._clock()
        # Not before: who comes meanwhile shall wait for this answer.
        self._asked_at = self._clock()

    async def _read(self) -> Mapping[str, PublicKey]:
        issuer = self._settings.issuer
        discovery = await self._get(issuer.removesuffix("/") + DISCOVERY_PATH)
        if not isinstance(discovery, dict) or discovery.get("issuer") != issuer:
            raise IssuerFault("its discovery document is not that of LINEAGEHUB_OIDC_ISSUER, to the letter")
        address = discovery.get("jwks_uri")
        if not isinstance(address, str) or not is_trustworthy(address):
            raise IssuerFault("the jwks_uri of its discovery document is no https:// URL")
        try:
            keys = usable_keys(await self._get(address), self._settings.allowed_algorithms)
        except ValueError as error:
            raise IssuerFault(f"{address}: {error}") from error
        if not keys:
            raise IssuerFault(f"{address} has no key for {self._settings.algorithms}")
        return keys

    async def _get(self, url: str) -> Any:
        assert self._session is not None, "the issuer is entered"
        try:
            # A redirect would lead where nobody has checked that it can be trusted.
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise IssuerFault(f"{url} answered {answer.status}")
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > DOCUMENT_BYTES:
                        raise IssuerFault(f"{url} answered more than {DOCUMENT_BYTES:,} bytes")
            return orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise IssuerFault(f"{url} cannot be read: {error or repr(error)}") from error

    def _unavailable(self) -> Unavailable:
        pause = REFETCH_SECONDS if self._keys else RETRY_SECONDS
        return Unavailable("oidc", self._fault or "The OpenID issuer's keys are not known.", retry_after_seconds=pause)
