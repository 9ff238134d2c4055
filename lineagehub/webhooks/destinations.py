"""Where a webhook may lead, so that a tenant cannot make the hub call what only the hub can reach (SSRF).

Asked twice: of the URL when it is saved and before each request, and of every address that its name has when the connection is made
(sender.py), because a name may lead elsewhere by then. The operator's `trusted_origins` are exempt, each as a whole: scheme, host, port.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from yarl import URL

from lineagehub.errors import LineageHubError
from lineagehub.settings import AlertsSettings

MAXIMUM_URL_BYTES = 2_048
HTTPS_PORT = 443

_LOCAL_SUFFIXES = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "arpa",
    "onion",
    "test",
    "invalid",
)
"""Names that are nobody's on the public internet, metadata.google.internal among them (RFC 6761, RFC 6762, RFC 9476 and ICANN's list)."""
_HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

_EMBEDDING_NETWORKS = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "::/96",  # IPv4-compatible, deprecated
            "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
            "64:ff9b::/96",  # NAT64 (RFC 6052)
            "64:ff9b:1::/48",  # local-use NAT64 (RFC 8215)
            "2001::/23",  # Teredo among other special uses
            "2002::/16",  # 6to4
            "fec0::/10",  # site-local, deprecated
        ),
    )
)
"""Through these an IPv4 address, a private one too, is reached by another name."""
_INSIDE_BY_OTHER_NAMES = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "168.63.129.16/32",  # Azure's platform, metadata among it, on an address that looks public
            "192.0.0.0/24",  # special uses of the IETF, in part global for Python
            "192.88.99.0/24",  # relays of 6to4
        ),
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class ForbiddenDestination(LineageHubError):
    """A webhook must not lead there. str() says why, for whoever set it."""


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """What the operator allows: `hosts` are the only ones if there are any; `trusted` are origins without the rules for public ones."""

    hosts: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, alerts: AlertsSettings) -> DestinationRules:
        """Return the rules that the settings name."""
        return cls(alerts.allowed_hosts, alerts.trusted)


def require_destination(url: str, rules: DestinationRules) -> URL:
    """Return the URL as it is to be requested. Raises ForbiddenDestination. Resolves no name."""
    parsed = _parse(url)
    if is_trusted(parsed, rules):
        return parsed
    host = (parsed.raw_host or "").lower()
    if parsed.scheme != "https":
        raise ForbiddenDestination("must begin with https://.")
    if parsed.port != HTTPS_PORT:
        raise ForbiddenDestination("must be on port 443.")
    if rules.hosts and host not in rules.hosts:
        raise ForbiddenDestination("is on a host that the operator does not allow (LINEAGEHUB_ALERTS_WEBHOOK_HOSTS).")
    if _is_address(host):
        require_public_address(host.strip("[]"))
        return parsed
    if not _HOST_NAME.fullmatch(host) or host.rpartition(".")[2] in _LOCAL_SUFFIXES:
        raise ForbiddenDestination("must be on a host with a public name.")
    return parsed


def is_trusted(url: URL, rules: DestinationRules) -> bool:
    """Tell whether the operator trusts this origin as it is."""
    return str(url.origin()).lower() in rules.trusted


def require_public_address(text: str) -> None:
    """Raise ForbiddenDestination unless this is an IP address of the public internet, in itself and in what it stands for."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # A zone index, or a spelling that is only the system's: 0x7f000001, 127.1.
        raise ForbiddenDestination("must be on a public address, in its usual spelling.") from None
    if isinstance(address, ipaddress.IPv6Address):
        is_public = address in _GLOBAL_UNICAST and not any(address in network for network in _EMBEDDING_NETWORKS)
    else:
        is_public = not any(address in network for network in _INSIDE_BY_OTHER_NAMES)
    if not is_public or not address.is_global or address.is_multicast or address.is_reserved:
        raise ForbiddenDestination("must be on a public address.")


def _parse(url: str) -> URL:
    if len(url.encode(errors="replace")) > MAXIMUM_URL_BYTES:
        raise ForbiddenDestination(f"must have at most {MAXIMUM_URL_BYTES} bytes.")
    # What two parsers may read in two ways is refused: backslashes, white space, control characters.
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ForbiddenDestination("must be ASCII without spaces and backslashes.")
    try:
        # As it was given, to the letter: a token in it may be escaped in its own way.
        parts, parsed = urlsplit(url), URL(url, encoded=True)
        port = parts.port
    except ValueError:
        raise ForbiddenDestination("is no URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ForbiddenDestination("must begin with https:// and a host.")
    if "@" in parts.netloc:
        raise ForbiddenDestination("must have no user and password; a secret is a member of its own.")
    if parts.fragment:
        raise ForbiddenDestination("must have no fragment.")
    if (parsed.raw_host or "").strip("[]").lower() != parts.hostname or (port is not None and parsed.port != port):
        raise ForbiddenDestination("is no clear URL.")
    return parsed


def _is_address(host: str) -> bool:
    """Tell whether the system would read this as an address without asking for a name: 0x7f000001, 2130706433 and 127.1, too."""
    if ":" in host:
        return True
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True
