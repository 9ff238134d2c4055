"""Who shares what, from the namespaces' records: matching is by the letter, and ends with the record that says so."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from lineagehub.auth.directory import Directory
from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.auth.sharing import SharedDatasetIndex
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.keys import namespace_key
from lineagehub.contract.sharing import (
    MAXIMUM_CHARACTERS,
    MAXIMUM_ENTRIES,
    DatasetName,
    SharedDataset,
    without_overlaps,
)


def sharing(*entries: DatasetName, name: str = "team-a", discoverable: bool = True) -> NamespaceRecord:
    """Return a namespace that shares these."""
    datasets = [{"namespace": namespace, "name": dataset} for namespace, dataset in entries]
    return new_namespace(name, discoverable=discoverable, shared_datasets=datasets)


def is_shared(entry: DatasetName, dataset: DatasetName) -> bool:
    """What an entry means, said as plainly as it can be."""
    start, star, _ = entry[1].partition("*")
    return entry[0] == dataset[0] and (dataset[1].startswith(start) if star else dataset[1] == entry[1])


@pytest.mark.parametrize(
    ("entry", "dataset", "expected"),
    [
        (("db", "orders"), ("db", "orders"), True),
        (("db", "orders"), ("db", "orders2"), False),
        (("db", "orders"), ("db", "Orders"), False),
        (("db", "orders"), ("db2", "orders"), False),
        (("db", "public.*"), ("db", "public.orders"), True),
        (("db", "public.*"), ("db", "public."), True),
        (("db", "public.*"), ("db", "public"), False),
        (("db", "public.*"), ("db", "publicX"), False),
        (("db", "public.*"), ("d", "public.orders"), False),
        (("db", "*"), ("db", "a"), True),
        (("db", "*"), ("db:1", "a"), False),
        (("", "orders"), ("", "orders"), True),
        (("db", "a%"), ("db", "ab"), False),
        (("db", "été*"), ("db", "été 2026"), True),
        (("db", "a*"), ("db", "a*b"), True),
    ],
)
def test_an_entry_matches_by_the_letter_and_by_what_stands_before_the_star(
    entry: DatasetName, dataset: DatasetName, expected: bool
) -> None:
    index = SharedDatasetIndex()
    index.put(sharing(entry))
    assert set(index.sharers(dataset)) == ({"team-a"} if expected else set())
    assert is_shared(entry, dataset) == expected


def test_the_index_says_what_its_entries_mean_whatever_came_and_went() -> None:
    chance = random.Random(7)
    index = SharedDatasetIndex()
    live: dict[str, list[DatasetName]] = {}

    def text() -> str:
        return "".join(chance.choices("ab", k=chance.randint(1, 3)))

    for _ in range(300):
        name = f"team-{chance.randint(0, 4)}"
        if chance.random() < 0.3:
            live.pop(name, None)
            index.remove(name)
        else:
            live[name] = [
                (chance.choice("xy"), chance.choice([text(), f"{text()}*", "*"])) for _ in range(chance.randint(0, 4))
            ]
            index.put(sharing(*live[name], name=name))
        dataset = chance.choice("xy"), text()
        expected = {one for one, entries in live.items() if any(is_shared(entry, dataset) for entry in entries)}
        assert set(index.sharers(dataset)) == expected
        for one, entries in index.entries().items():
            matching = [entry for entry in entries if is_shared((entry.namespace, entry.name), dataset)]
            assert len(matching) == (one in expected), "one entry matches what is shared, and none what is not"


def test_who_names_a_dataset_more_exactly_is_told_from_who_means_many() -> None:
    index = SharedDatasetIndex()
    for name, entry in (("all", "*"), ("some", "or*"), ("same", "orders*"), ("one", "orders")):
        index.put(sharing(("db", entry), name=name))
    found = index.sharers(("db", "orders"))
    assert sorted(found, key=lambda name: -found[name]) == ["one", "same", "some", "all"]


def test_what_another_entry_covers_is_left_out() -> None:
    names = ["a", "a*", "ab*", "b", "b", "bc"]
    entries = [SharedDataset(namespace="db", name=name) for name in names]
    other = SharedDataset(namespace="db2", name="ab")
    kept = without_overlaps([*entries, other])
    assert sorted((one.namespace, one.name) for one in kept) == [("db", "a*"), ("db", "b"), ("db", "bc"), ("db2", "ab")]


@pytest.mark.parametrize("end", ["unshared", "hidden", "deleted", "forgotten"])
def test_sharing_ends_with_the_record_that_ends_it_and_a_late_one_does_not_bring_it_back(end: str) -> None:
    directory = Directory(Sealer("s" * 32))
    record = sharing(("db", "*"))
    key, dataset = namespace_key(record.name), ("db", "orders")
    directory.apply(key, record.model_dump_json().encode())
    assert set(directory.shared_datasets.sharers(dataset)) == {"team-a"}
    ends = {
        "unshared": changed_namespace(record, shared_datasets=[]),
        "hidden": changed_namespace(record, discoverable=False),
        "deleted": changed_namespace(record, deleted_at=datetime.now(UTC)),
    }
    directory.apply(key, ends[end].model_dump_json().encode() if end in ends else None)
    assert directory.shared_datasets.sharers(dataset) == {}
    assert directory.shared_datasets.entries() == {}
    if end in ends:
        directory.apply(key, record.model_dump_json().encode())
        assert directory.shared_datasets.sharers(dataset) == {}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"namespace": "db", "name": "a*b"}], "end only"),
        ([{"namespace": "db", "name": "**"}], "end only"),
        ([{"namespace": "db*", "name": "a"}], "end of the name only"),
        ([{"namespace": "db", "name": ""}], "at least 1"),
        ([{"namespace": "db", "name": "a\n"}], "pattern"),
        ([{"namespace": "db", "name": "a", "columns": []}], "not permitted"),
        ([{"namespace": "db", "name": str(number)} for number in range(MAXIMUM_ENTRIES + 1)], "at most 200"),
        ([{"namespace": "", "name": f"{number:02,}{'x' * 2_000}"} for number in range(51)], f"{MAXIMUM_CHARACTERS:,}"),
    ],
)
def test_what_is_no_entry_is_refused_with_what_is_wrong(entries: list[dict[str, str]], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        new_namespace("team-a", shared_datasets=entries)
    assert words in str(refused.value)
