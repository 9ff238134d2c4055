"""The settings of the OpenID Connect issuer: whose tokens are believed, and which group may do what in which namespace.

A part of the tree in settings.py. The environment name is `LINEAGEHUB_OIDC_<NAME>`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from lineagehub.addresses import is_trustworthy
from lineagehub.contract.control import Role
from lineagehub.contract.namespaces import is_namespace

ALGORITHMS = frozenset(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512))
"""All of them sign with a private key: what an issuer publishes verifies, and cannot sign."""
PLATFORM = "*"
"""Stands where a namespace would, for the role operator, which belongs to none. The grammar cannot produce it."""


class OidcSettings(BaseModel):
    """The OpenID Connect issuer of people's tokens; without one the web takes API keys alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field("", description="Its URL, exactly as its tokens have it in `iss`.")
    audience: str = Field("", validate_default=True, description="What its tokens for this hub have in `aud`.")
    algorithms: str = Field("RS256,ES256", description="What tokens may be signed with, separated by commas.")
    groups_claim: str = Field("groups", min_length=1, description="The claim that lists a person's groups.")
    group_roles: dict[str, dict[str, Role]] = Field(
        {}, validate_default=True, description="As JSON: group to namespace to role; `*` for the operator's role."
    )
    jwks_seconds: float = Field(600.0, ge=10, description="After this the issuer's keys are asked for again.")

    @property
    def allowed_algorithms(self) -> frozenset[str]:
        """The algorithms of `algorithms`."""
        return frozenset(self.algorithms.replace(",", " ").split())

    @field_validator("issuer")
    @classmethod
    def _require_trustworthy_url(cls, issuer: str) -> str:
        if issuer and (not is_trustworthy(issuer) or set(issuer) & set("?#@ ")):
            raise ValueError("an issuer is an https:// URL without query and fragment (http:// on loopback only)")
        return issuer

    @field_validator("audience")
    @classmethod
    def _require_audience(cls, audience: str, info: ValidationInfo) -> str:
        if info.data.get("issuer") and not audience:
            raise ValueError("with an issuer it must say which of its tokens are meant for this hub")
        return audience

    @field_validator("algorithms")
    @classmethod
    def _require_signatures_by_private_keys(cls, listed: str) -> str:
        algorithms = set(listed.replace(",", " ").split())
        if not algorithms or algorithms - ALGORITHMS:
            raise ValueError(f"each is one of {', '.join(sorted(ALGORITHMS))}; neither none nor HS256 is ever taken")
        return listed

    @field_validator("group_roles")
    @classmethod
    def _require_namespaces(
        cls, groups: dict[str, dict[str, Role]], info: ValidationInfo
    ) -> dict[str, dict[str, Role]]:
        if info.data.get("issuer") and not groups:
            raise ValueError('with an issuer it must say who may do what: {"a-group": {"a-namespace": "reader"}}')
        for group, roles in groups.items():
            for namespace, role in roles.items():
                if (namespace == PLATFORM) != (role is Role.OPERATOR):
                    raise ValueError(f"group {group!r}: the role operator is given for `*`, all others for a namespace")
                if namespace != PLATFORM and not is_namespace(namespace):
                    raise ValueError(f"group {group!r} is given {namespace!r}, which is no namespace")
        return groups
