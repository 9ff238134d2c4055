"""What the limits document of the API says is set, in the form in which it is sent back."""

from __future__ import annotations

from typing import Any


def set_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the body that sets just what is set already: values that are not the default's, and those of keys."""
    return {
        **_from(document["limits"], "namespace"),
        "keys": {kid: _from(limits, "key") for kid, limits in document["keys"].items()},
    }


def _from(limits: dict[str, Any], origin: str) -> dict[str, int]:
    return {name: one["value"] for name, one in limits.items() if one["origin"] == origin}
