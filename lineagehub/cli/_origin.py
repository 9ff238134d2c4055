"""Who acts at the command line: what the audit entries of a command say."""

from __future__ import annotations

import getpass
import os
from uuid import uuid4

from lineagehub.broker.audit import Origin
from lineagehub.contract.audit import Actor


def command_line_origin(namespace: str) -> Origin:
    """Return what the audit entries of this command about a namespace have in common."""
    return Origin(namespace, Actor(cli_user=_user()), str(uuid4()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container whose user id has no name.
        return f"uid {os.getuid()}"
