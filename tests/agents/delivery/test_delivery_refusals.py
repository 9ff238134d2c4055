"""Refusals in a row: what stops delivery, and what one tenant alone can never bring about."""

from __future__ import annotations

from lineagehub_agents.delivery.refusals import MAXIMUM_IN_A_ROW, Refusals


def refused(*namespaces: str | None) -> Refusals:
    refusals = Refusals()
    for namespace in namespaces:
        refusals.note(namespace)
    return refusals


def test_a_few_refusals_are_bad_records() -> None:
    assert not refused(*["a", "b"] * (MAXIMUM_IN_A_ROW // 2 - 1)).are_systematic


def test_many_in_a_row_of_several_namespaces_are_the_systems_fault() -> None:
    assert refused(*["a", "b"] * (MAXIMUM_IN_A_ROW // 2)).are_systematic


def test_one_tenant_alone_never_stops_the_others() -> None:
    assert not refused(*["a"] * MAXIMUM_IN_A_ROW * 10).are_systematic


def test_many_in_a_row_that_the_hub_failed_on_are_the_systems_fault() -> None:
    assert refused(*[None] * MAXIMUM_IN_A_ROW).are_systematic


def test_one_success_begins_the_row_anew() -> None:
    refusals = refused(*["a", "b"] * MAXIMUM_IN_A_ROW)
    refusals.end()
    assert not refusals.are_systematic
    refusals.note("a")
    assert not refusals.are_systematic
