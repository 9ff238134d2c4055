"""Hosts, origins and URLs of settings and of requests: which are this machine's own, and which can be trusted on the way.

Pure; nothing here resolves a name.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address, without brackets, is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_trustworthy(url: str) -> bool:
    """Tell whether nobody on the way can change what this URL gives: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


def host_of(authority: str) -> str:
    """Return the host of `host:port` as it stands in a Host header, without brackets and port; empty when it is malformed."""
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port
    except ValueError:
        return ""
    return "" if "@" in authority or parts.path or parts.query or parts.fragment else parts.hostname or ""


def origins_of(listed: str) -> frozenset[str]:
    """Return the origins (RFC 6454) of a list separated by commas. Raises ValueError that names the one that is none."""
    origins = frozenset(origin.strip() for origin in listed.split(",") if origin.strip())
    for origin in origins:
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or not host_of(authority) or set(origin) & set("/?#@*\\ ") - {"/"}:
            raise ValueError(f"{origin!r} is no origin: scheme://host or scheme://host:port, without path and pattern")
        if origin != origin.lower() or authority.endswith((":80", ":443")[scheme == "https"]):
            raise ValueError(
                f"{origin!r} is not what a browser sends: small letters, and no port where it is the scheme's"
            )
    return origins
