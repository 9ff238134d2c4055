"""Changes at the same moment by several processes, in every order, with deaths before a repair and with compaction: by simulation.

The real rules (Directory, the records) over a log that is a list. What must hold: all readers agree, whenever they began to read; who was
told that his change is in force finds it in the history of every reader; compaction changes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest

from lineagehub.auth.directory import Directory, Verdict
from lineagehub.auth.issuing import changed_namespace, new_namespace
from lineagehub.auth.sealing import Sealer
from lineagehub.contract.control import NamespaceRecord
from lineagehub.contract.keys import namespace_key
from lineagehub.management.control_journal import ControlJournal

SEALER = Sealer("s" * 32)
KEY = namespace_key("analytics")
BASE = new_namespace("analytics", description="base")

Log = list[NamespaceRecord]


def read(log: Iterable[NamespaceRecord]) -> Directory:
    """Return the directory of a process that read this log from its beginning."""
    directory = Directory(SEALER)
    for record in log:
        directory.apply(KEY, record.model_dump_json().encode())
    return directory


def in_force(log: Iterable[NamespaceRecord]) -> str:
    return read(log).namespaces["analytics"].description


def repair(log: Log) -> None:
    """What any process does about a key whose last record is not in force."""
    directory = read(log)
    if KEY in directory.contested:
        held = directory.record(KEY)
        assert isinstance(held, NamespaceRecord)
        log.append(held.model_copy(update={"repair": held.repair + 1}))


def compactions(log: Log) -> Iterator[Log]:
    """Yield what may be left of the log: of any part from its beginning the last record, and all of the rest."""
    for clean in range(len(log) + 1):
        yield [*log[:clean][-1:], *log[clean:]]


def outcomes(log: Log) -> list[str]:
    """Return the changes that were in force one after the other: what their writers were told."""
    directory = Directory(SEALER)
    verdicts = [(record, directory.apply(KEY, record.model_dump_json().encode())) for record in log]
    return [record.description for record, verdict in verdicts if verdict is Verdict.TAKEN and not record.repair]


@pytest.mark.parametrize("writers", [2, 3])
def test_of_changes_on_one_base_the_first_in_the_log_is_in_force_for_every_reader(writers: int) -> None:
    changes = [changed_namespace(BASE, description=str(number)) for number in range(writers)]
    for order in itertools.permutations(changes):
        log = [BASE, *order]
        assert outcomes(log) == ["base", order[0].description]
        assert in_force(log) == order[0].description


@pytest.mark.parametrize("writers", [2, 3])
def test_no_compaction_after_the_repair_changes_what_is_in_force(writers: int) -> None:
    """Also one that ends between a late change and its repair: there a repair of the same precedence would be passed over."""
    changes = [changed_namespace(BASE, description=str(number)) for number in range(writers)]
    for order in itertools.permutations(changes):
        log = [BASE, *order]
        repair(log)
        for left in compactions(log):
            assert in_force(left) == order[0].description, [record.description for record in left]


def test_every_interleaving_of_changes_and_repairs_by_two_processes_and_a_third_that_reads_late_agrees() -> None:
    """Each of two processes changes, on what it has read, and repairs if it is late; either may die before. A third repairs after both."""
    for order in set(itertools.permutations("aabb")):
        for dies in ("", "a", "b", "ab"):
            log: Log = [BASE]
            written: dict[str, NamespaceRecord] = {}
            told = {}
            bases = {"a": BASE, "b": BASE}
            for name in order:
                if name not in written:
                    written[name] = changed_namespace(bases[name], description=name)
                    log.append(written[name])
                elif name not in dies:
                    told[name] = read(log[: log.index(written[name]) + 1]).namespaces["analytics"] == written[name]
                    if not told[name]:
                        repair(log)
            repair(log)
            repair(log)
            final = in_force(log)
            assert KEY not in read(log).contested
            assert all(in_force(left) == final for left in compactions(log)), (order, dies)
            assert all((final == name) == is_in_force for name, is_in_force in told.items()), (order, dies)


def test_a_repair_that_meets_a_newer_change_loses_and_is_repaired_itself() -> None:
    first, late = (changed_namespace(BASE, description=text) for text in ("first", "late"))
    newer = changed_namespace(first, description="newer")
    log = [BASE, first, late, newer, first.model_copy(update={"repair": 1})]
    assert in_force(log) == "newer"
    repair(log)
    assert KEY not in read(log).contested
    assert {in_force(left) for left in compactions(log)} == {"newer"}


def test_a_repair_keeps_the_revision_that_clients_hold() -> None:
    first, late = (changed_namespace(BASE, description=text) for text in ("first", "late"))
    log = [BASE, first, late]
    repair(log)
    assert read(log).namespaces["analytics"].revision == first.revision


def test_a_deletion_and_a_change_at_once_leave_one_of_them_and_a_deleted_name_stays_deleted() -> None:
    deletion = changed_namespace(BASE, deleted_at=BASE.created_at)
    change = changed_namespace(BASE, description="change")
    for order in itertools.permutations([deletion, change]):
        log: Log = [BASE, *order]
        repair(log)
        for left in compactions(log):
            assert ("analytics" in read(left).namespaces) == (order[0] is change)


def test_the_journal_gives_what_is_in_force_whatever_the_order_of_appending(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Only what is in force is journalled, by several processes, each after it has read its own."""
    first = changed_namespace(BASE, description="first")
    second = changed_namespace(first, description="second")
    for order in itertools.permutations([BASE, first, second]):
        journal = ControlJournal(tmp_path_factory.mktemp("journal") / "control.journal")
        for record in order:
            journal.append(KEY, record.model_dump_json().encode())
        ((key, value),) = journal.records()
        assert (key, NamespaceRecord.model_validate_json(value)) == (KEY, second)
        journal.compact()
        assert list(journal.records()) == [(key, value)]
