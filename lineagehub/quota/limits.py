"""Which daily limit is in force for a namespace, by its name. Used by web and agents."""

from __future__ import annotations

from collections.abc import Callable

from lineagehub.auth.directory import Directory
from lineagehub.quota.daily import DayLimit, day_limit


def limits_by_name(directory: Directory) -> Callable[[str], DayLimit]:
    """Return what gives a namespace's daily limit; one that the directory does not know (of a bound topic) has the defaults."""

    def limit_of(name: str) -> DayLimit:
        namespace = directory.namespaces.get(name)
        return day_limit(directory.limits(namespace) if namespace is not None else None)

    return limit_of
