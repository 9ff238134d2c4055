"""Who shares which dataset, in memory: asked for every dataset of a graph, so it does not look at every namespace.

Part of the directory, which feeds it: what is no longer shared is not from the moment that the record says so.
"""

from __future__ import annotations

from collections import defaultdict

from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.sharing import DatasetName, SharedDataset, without_overlaps

_Holders = dict[DatasetName, set[str]]


class SharedDatasetIndex:
    """The shared datasets of all discoverable namespaces. All methods are in-memory and immediate."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[SharedDataset, ...]] = {}
        self._exact: _Holders = {}
        self._prefixes: defaultdict[int, _Holders] = defaultdict(dict)

    def put(self, record: NamespaceRecord) -> None:
        """Take in what a live namespace shares, in place of what it shared before."""
        self.remove(record.name)
        if not record.discoverable or not record.shared_datasets:
            return
        self._entries[record.name] = without_overlaps(record.shared_datasets)
        for entry in self._entries[record.name]:
            holders, key = self._place_of(entry)
            holders.setdefault(key, set()).add(record.name)

    def remove(self, namespace: str) -> None:
        """Forget what a namespace shares."""
        for entry in self._entries.pop(namespace, ()):
            holders, key = self._place_of(entry)
            holders[key].discard(namespace)
            if not holders[key]:
                del holders[key]
            if entry.prefix is not None and not holders:
                del self._prefixes[len(entry.prefix)]

    def sharers(self, dataset: DatasetName) -> dict[str, int]:
        """Return the namespaces that share a dataset of this name, whether they have one or not.

        With each the letters of the name that its entry has; one more where that is the whole name without `*`.
        """
        namespace, name = dataset
        found = dict.fromkeys(self._exact.get(dataset, ()), len(name) + 1)
        for length, holders in self._prefixes.items():
            if length <= len(name):
                # Of one namespace a single entry matches.
                found |= dict.fromkeys(holders.get((namespace, name[:length]), ()), length)
        return found

    def entries(self) -> dict[str, tuple[SharedDataset, ...]]:
        """Return what each namespace shares, a dataset by one entry only."""
        return dict(self._entries)

    def _place_of(self, entry: SharedDataset) -> tuple[_Holders, DatasetName]:
        if entry.prefix is None:
            return self._exact, (entry.namespace, entry.name)
        return self._prefixes[len(entry.prefix)], (entry.namespace, entry.prefix)
