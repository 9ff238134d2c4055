"""What is sent to the management API: namespaces, limits and webhooks, strict and bounded in every direction.

Read by the web from requests and by `lineagehub apply` from files. A member that is not known is refused: it may be a misspelt limit.
Records on the control topic are read less strictly (control.py), because they may be another version's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from lineagehub.contract.control import DEFAULT_RETENTION_DAYS, KeyId, RetentionDays, WebhookFormat
from lineagehub.contract.limits import Limits
from lineagehub.contract.namespaces import Namespace
from lineagehub.contract.sharing import SharedDatasets
from lineagehub.contract.signals import Signal

_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_NAME = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"

DisplayName = Annotated[str, StringConstraints(max_length=200, pattern=_LINE)]
Description = Annotated[str, StringConstraints(max_length=2_000, pattern=_TEXT)]
Owner = Annotated[str, StringConstraints(max_length=254, pattern=_NAME)]
JobNamespace = Annotated[str, StringConstraints(max_length=1_024, pattern=_NAME)]
TagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$")]
TagValue = Annotated[str, StringConstraints(max_length=256, pattern=_LINE)]
Note = Annotated[str, StringConstraints(max_length=200, pattern=_LINE)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NamespaceFields(_Strict):
    """What can be changed of a namespace. A member that is given replaces its value as a whole; the others stay."""

    display_name: DisplayName = Field("", description="For people; the name when left out.")
    description: Description = Field("", description="For people.")
    owners: Annotated[tuple[Owner, ...], Field(max_length=20, strict=False)] = Field(
        (), description="Whom to ask: addresses, teams."
    )
    tags: Annotated[dict[TagName, TagValue], Field(max_length=50)] = {}
    job_namespaces: Annotated[tuple[JobNamespace, ...], Field(max_length=100, strict=False)] = Field(
        (), description="The namespaces of OpenLineage that are its own."
    )
    discoverable: bool = Field(False, description="Whether others may find its shared datasets.")
    shared_datasets: SharedDatasets = Field(
        (),
        description="Which datasets it shares while it is discoverable: each by its names, or with a * at the end of the name.",
    )
    retention_days: RetentionDays = Field(DEFAULT_RETENTION_DAYS, description="How long new rows are kept.")
    signal_retention_days: dict[Signal, RetentionDays] = Field(
        {}, description="Instead of retention_days, for these signals."
    )

    def given(self) -> dict[str, Any]:
        """Return the members that were given, and no defaults."""
        return {name: getattr(self, name) for name in NamespaceFields.model_fields if name in self.model_fields_set}


class NewNamespace(NamespaceFields):
    """A namespace to make."""

    name: Namespace = Field(
        description="3 to 63 of a-z, 0-9, dot, dash, underscore; a letter or digit at both ends. It cannot be changed."
    )


class NewLimits(Limits):
    """Limits to set; what is left out follows the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LimitsRequest(NewLimits):
    """Limits to set for a namespace, and for single keys of it; all others follow the default again."""

    keys: dict[KeyId, NewLimits] = Field({}, max_length=200)


class NewWebhook(_Strict):
    """Where alerts shall go. What its URL may be, lineagehub/webhooks/destinations.py says."""

    url: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="https, port 443, a public host; it is not shown again."
    )
    format: WebhookFormat = Field(WebhookFormat.SLACK, strict=False, description="slack, or json.")
    secret: SecretStr | None = Field(
        None, min_length=16, max_length=256, description="With it, requests in JSON are signed; it is not shown again."
    )
    alerts: Annotated[tuple[Literal["quota", "dead_letters"], ...], Field(min_length=1, max_length=2, strict=False)] = (
        Field(("quota", "dead_letters"), description="Which alerts; all when left out.")
    )


class WebhooksRequest(_Strict):
    """All webhooks of a namespace, anew."""

    webhooks: Annotated[tuple[NewWebhook, ...], Field(max_length=5, strict=False)]


class DeclaredNamespace(NewNamespace):
    """A namespace as a file declares it."""

    limits: NewLimits | None = Field(None, description="All limits that differ from the default; left out: they stay.")


class Declaration(_Strict):
    """A file for `lineagehub apply`."""

    namespaces: Annotated[tuple[DeclaredNamespace, ...], Field(min_length=1, max_length=1_000, strict=False)]
