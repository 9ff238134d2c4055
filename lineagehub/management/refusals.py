"""Why a change of a namespace, a key or limits is not made: nothing was written, and repeating the same does not help by itself.

Raised here, said by the web as problems (web/admin/refusing.py) and by commands as they are.
"""

from __future__ import annotations

from lineagehub.errors import LineageHubError


class Refusal(LineageHubError):
    """Base of them. str() is one sentence for whoever asked."""


class NotThere(Refusal):
    """There is no such namespace, or no such key in it."""


class RevisionConflict(Refusal):
    """It is not the revision that the caller named, or somebody else changed it at the same moment."""


class NamespaceExists(Refusal):
    """A namespace of this name is there."""


class BeingDeleted(Refusal):
    """The namespace was deleted and its data are not yet gone: its name is free when they are."""


class RoleTooHigh(Refusal):
    """The caller may not issue keys with this role."""


class LastOwner(Refusal):
    """An owner may not revoke the last owner's key of his namespace: nobody but the operator could manage it."""


class KeyNotLive(Refusal):
    """The key is expired or revoked."""


class RotationUnderway(Refusal):
    """The key has a successor or a predecessor that is live: two keys of a rotation are enough."""


class WebhookForbidden(Refusal):
    """A webhook must not lead where its URL says. `pointer` names the member of the request."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer} {message}")
        self.pointer = pointer
        self.message = message


class TooManyKeys(Refusal):
    """The namespace has as many live keys as it may."""


class NotRedrivable(Refusal):
    """Nobody proved who wrote the records: they must not come into a namespace."""
