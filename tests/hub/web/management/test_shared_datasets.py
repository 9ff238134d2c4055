"""Sharing datasets: what a namespace shares is found by others, the rest of it leaves no trace in any answer, and it ends at once."""

from __future__ import annotations

from typing import Any

import pytest

from lineagehub.contract.audit import Action, Outcome
from lineagehub.store.queries import shared_links
from tests.hub.web.management.calling import NAMESPACES, Tenant, audited, send
from tests.hub.web.management.sharing import Answer, Team, teams
from tests.hub.web.running import RunningWeb
from tests.support.lineage_samples import dataset, dataset_event, facet, run_event
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

EFFECTIVE_SECONDS = 5
HUSH = "hush"
"""Stands in every name that is not shared."""
SYMLINKS = "symlinks"


ORDERS = dataset(
    "orders",
    facets={
        "documentation": facet(description="All orders."),
        "ownership": facet(owners=[{"name": "team:orders", "type": "DATAOWNER"}]),
        "schema": facet(fields=[{"name": "id", "type": "int"}]),
        "dataSource": facet(name=f"{HUSH} source", uri=f"postgres://{HUSH}"),
    },
)


def hidden(number: int = 0) -> list[dict[str, Any]]:
    """Jobs that write and read `orders`, with what they read and write."""
    loads, reports = f"{HUSH}-load-{number}", f"{HUSH}-report-{number}"
    return [
        run_event("COMPLETE", 1, loads, loads, [f"{HUSH}-in-{number}"], [ORDERS]),
        run_event("COMPLETE", 1, reports, reports, ["orders"], [f"{HUSH}-out-{number}"]),
    ]


OWN = run_event("COMPLETE", 2, "own", "bill", reads=["orders"], writes=["bills"])


async def every_answer(web: RunningWeb, reader: Team) -> list[Answer]:
    """What a reader hears about `orders` and around it, asked in every way."""
    node = f"dataset:{reader.datasets}:orders"
    return [
        await reader.get(web, path, **query)
        for path, query in [
            ("lineage", {"nodeId": node, "scope": "shared"}),
            ("impact", {"nodeId": node, "scope": "shared", "direction": "both", "format": "csv"}),
            ("search", {"scope": "shared", "namespace": reader.datasets}),
            ("column-lineage", {"nodeId": node}),
            ("search", {}),
        ]
    ]


async def test_a_shared_dataset_is_found_and_what_its_owner_makes_of_it_is_redacted(hub: RunningWeb) -> None:
    owner, reader, guest = await teams(hub, "owner", "reader", "guest")
    await owner.store(hub, *hidden())
    await reader.store(hub, OWN)
    await owner.share(hub, "orders")

    assert await reader.found(hub) == [("bills", None), ("orders", None), ("orders", owner.name)]
    answer = await guest.get(hub, "search", scope="shared", namespace=guest.datasets, q="ORD")
    assert answer.document == {
        "totalCount": 1,
        "results": [
            {
                "type": "DATASET",
                "name": "orders",
                "updatedAt": None,
                "namespace": guest.datasets,
                "nodeId": f"dataset:{guest.datasets}:orders",
                "sharedBy": owner.name,
                "description": "All orders.",
                "owners": ["team:orders"],
            }
        ],
        "nextCursor": None,
    }
    assert await guest.found(hub, filter="job") == []

    seen = await guest.graph(hub, "orders")
    assert seen.edges == ["? > orders", "orders > ?"]
    shown = seen.of("orders")
    assert (shown["own"], shown["sharedBy"]) == (False, [owner.name])
    assert shown["data"]["fields"] == [{"name": "id", "type": "int", "tags": [], "description": None}]
    assert shown["data"]["createdAt"] is shown["data"]["updatedAt"] is None
    for node in seen.nodes.values():
        if node["type"] == "REDACTED":
            assert set(node) == {"id", "type", "data", "inEdges", "outEdges", "own", "sharedBy"}
            assert (node["data"], node["own"], node["sharedBy"]) == (None, False, [])

    joined = await reader.graph(hub, "bills")
    assert joined.edges == ["? > orders", "bill > bills", "orders > ?", "orders > bill"]
    assert (joined.of("orders")["own"], joined.of("orders")["sharedBy"]) == (True, [owner.name])
    assert (joined.of("bill")["own"], joined.of("bill")["sharedBy"]) == (True, [])
    assert (await reader.graph(hub, "bills", depth=2)).edges == ["bill > bills", "orders > bill"]
    own = {one["id"] for one in joined.nodes.values() if one["type"] == "REDACTED"}
    theirs = {one["id"] for one in seen.nodes.values() if one["type"] == "REDACTED"}
    assert own.isdisjoint(theirs), "a redacted node has another id in each namespace"

    impact = (await guest.get(hub, "impact", nodeId=f"dataset:{guest.datasets}:orders", scope="shared")).document
    assert [(one["type"], one["name"], one["distance"]) for one in impact["rows"]] == [("REDACTED", "", 1)]
    assert HUSH not in str(seen.nodes)
    assert await guest.found(hub, q=HUSH) == []
    for answer in await every_answer(hub, reader):
        assert HUSH not in answer.body

    labels = (await owner.graph(hub, "orders")).labels
    assert f"{HUSH}-load-0" in labels
    assert "?" not in labels, "to its owner nothing is redacted"
    assert await owner.found(hub, q="orders") == [("orders", None)]

    entries = [entry for entry in await audited(hub.settings.kafka, owner.name) if entry.outcome is Outcome.DONE]
    changes = [entry.detail["fields"] for entry in entries if entry.action is Action.NAMESPACE_CHANGE]
    assert changes == ["discoverable, shared_datasets"]


async def test_how_much_is_hidden_changes_no_byte_of_any_answer(hub: RunningWeb) -> None:
    owner, reader, guest = await teams(hub, "owner", "reader", "guest")
    await owner.store(hub, *hidden(), run_event("COMPLETE", 1, "c", f"{HUSH}-copy", ["orders"], ["copies"]))
    await reader.store(hub, OWN)
    await owner.share(hub, "orders", "copies")
    orders = {"nodeId": f"dataset:{guest.datasets}:orders", "scope": "shared"}
    few = [*await every_answer(hub, reader), await guest.get(hub, "lineage", **orders)]
    for answer in (few[0], few[-1]):
        assert answer.body.count("REDACTED") == 2
        assert "copies" in answer.body
    many = [event for number in range(1, 50) for event in hidden(number)]
    await owner.store(
        hub,
        *many,
        *(
            run_event("COMPLETE", 9, f"c{number}", f"{HUSH}-copy-{number}", ["orders"], ["copies"])
            for number in range(9)
        ),
        *(dataset_event(9, f"{HUSH}-{number}") for number in range(50)),
    )
    assert [*await every_answer(hub, reader), await guest.get(hub, "lineage", **orders)] == few


async def test_a_way_leads_over_a_redacted_node_where_one_hidden_job_leads_and_nowhere_else(hub: RunningWeb) -> None:
    owner, guest = await teams(hub, "owner", "guest")
    await owner.store(
        hub,
        run_event("COMPLETE", 1, "1", "one", ["a"], ["b"]),
        run_event("COMPLETE", 1, "2", "two", ["c"], ["b"]),
        run_event("COMPLETE", 1, "3", "three", ["c"], ["d"]),
        run_event("COMPLETE", 1, "4", "four", ["d"], [f"{HUSH}"]),
        run_event("COMPLETE", 1, "5", "five", [f"{HUSH}"], ["e"]),
        run_event("COMPLETE", 1, "6", "six", [f"{HUSH}"], ["b"]),
    )
    await owner.share(hub, "a", "b", "c", "d", "e")
    seen = await guest.graph(hub, "a")
    assert seen.ways == ["a > b", "c > b", "c > d"]
    assert seen.labels == ["?", "?", "?", "a", "b", "c", "d"]
    assert seen.edges == ["? > b", "? > b", "? > d", "a > ?", "c > ?", "d > ?"]
    assert (await guest.graph(hub, "a", depth=2)).labels == ["?", "a", "b"]
    assert (await guest.graph(hub, "e")).edges == ["? > e"]
    node = f"dataset:{guest.datasets}:a"
    impact = (await guest.get(hub, "impact", nodeId=node, scope="shared")).document
    assert [(one["name"], one["distance"]) for one in impact["rows"]] == [("", 1), ("b", 2)]


async def test_links_without_a_job_lead_from_one_shared_dataset_to_another_and_to_a_redacted_node(
    hub: RunningWeb,
) -> None:
    owner, guest = await teams(hub, "owner", "guest")

    def of(*names: str) -> dict[str, Any]:
        return facet(inputs=[{**dataset(name), "type": "DATASET"} for name in names], fields={})

    await owner.store(
        hub,
        dataset_event(1, "b", lineage=of("a", f"{HUSH}-1")),
        dataset_event(1, f"{HUSH}-2", lineage=of("b")),
        dataset_event(1, "a", lineage=of(f"{HUSH}-3")),
    )
    await owner.share(hub, "a", "b")
    seen = await guest.graph(hub, "b")
    assert seen.edges == ["? > a", "? > b", "a > b", "b > ?"]
    assert seen.ways == []


async def test_namespaces_that_share_one_dataset_are_one_in_what_they_hide_and_as_many_as_there_is_room_for(
    hub: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    *owners, guest = await teams(hub, "owner-1", "owner-2", "guest")
    for one in owners:
        await one.store(hub, *hidden())
        await one.share(hub, "orders")
    names = sorted(one.name for one in owners)
    seen = await guest.graph(hub, "orders")
    assert seen.edges == ["? > orders", "orders > ?"]
    assert (seen.of("orders")["sharedBy"], seen.is_truncated) == (names, False)
    monkeypatch.setattr(shared_links, "MAXIMUM_SHARERS", 1)
    for first, second in (owners, owners[::-1]):
        await first.share(hub, "orders")
        await second.share(hub, "ord*")
        seen = await guest.graph(hub, "orders")
        assert (seen.of("orders")["sharedBy"], seen.is_truncated) == ([first.name], True)


async def test_what_is_not_shared_is_answered_like_what_does_not_exist(hub: RunningWeb) -> None:
    owner, opted_out, nothing_shared, guest = await teams(hub, "owner", "opted-out", "nothing", "guest")
    before = await every_answer(hub, guest)
    for one in (owner, opted_out, nothing_shared):
        await one.store(hub, *hidden())
    await owner.share(hub, "order", "orders.*", "ORDERS")
    await opted_out.share(hub, "*", discoverable=False)
    await nothing_shared.share(hub)
    assert await every_answer(hub, guest) == before
    assert before[0].status == 404
    for node in (f"job:jobs:{HUSH}-load-0", f"dataset:{guest.datasets}:{HUSH}-in-0"):
        unknown = node.replace(HUSH, "none")
        answers = [await guest.get(hub, "lineage", nodeId=one, scope="shared") for one in (node, unknown)]
        assert [one.status for one in answers] == [404, 404]
        assert answers[0].body.replace(node, unknown) == answers[1].body


async def test_a_dataset_is_shown_by_its_shared_names_only_and_joined_by_any_of_them(hub: RunningWeb) -> None:
    owner, reader, guest = await teams(hub, "owner", "reader", "guest")
    names = facet(
        identifiers=[{"namespace": owner.datasets, "name": name, "type": "TABLE"} for name in ("orders", "sales")]
    )
    await owner.store(
        hub, run_event("COMPLETE", 1, "1", f"{HUSH}", [], [dataset(f"{HUSH}-path", facets={SYMLINKS: names})])
    )
    await reader.store(hub, run_event("COMPLETE", 2, "own", "bill", reads=["sales"], writes=["bills"]))
    await owner.share(hub, "orders", "sales")
    seen = await guest.graph(hub, "sales")
    assert seen.edges == ["? > orders"]
    assert HUSH not in str(seen.nodes)
    data = (await guest.graph(hub, "orders")).of("orders")["data"]
    assert data["aliases"] == [{"namespace": owner.datasets, "name": "sales"}]
    assert (await reader.graph(hub, "bills")).edges == ["? > sales", "bill > bills", "sales > bill"]
    found = await guest.get(hub, "search", scope="shared", namespace=guest.datasets)
    for answer in [*await every_answer(hub, reader), found]:
        assert HUSH not in answer.body


async def test_what_is_no_longer_shared_is_gone_from_every_web_within_seconds(
    hub: RunningWeb, other: RunningWeb
) -> None:
    owner, guest = await teams(hub, "owner", "guest")
    await owner.store(hub, *hidden())
    node = f"dataset:{guest.datasets}:orders"

    async def answers() -> list[Answer]:
        return [
            await guest.get(other, "search", scope="shared", namespace=guest.datasets),
            await guest.get(other, "lineage", scope="shared", nodeId=node),
        ]

    before = await answers()
    assert [one.status for one in before] == [200, 404]

    async def is_shared() -> bool:
        search, graph = await answers()
        return search.document["totalCount"] == 1 and graph.status == 200

    async def is_hidden() -> bool:
        return await answers() == before

    for end in ("unshared", "not discoverable", "deleted"):
        await owner.share(hub, "ord*")
        await wait_until_async(is_shared, EFFECTIVE_SECONDS, "the other web to know that it is shared")
        if end == "unshared":
            await owner.share(hub)
        elif end == "not discoverable":
            await owner.share(hub, "ord*", discoverable=False)
        else:
            path = f"{NAMESPACES}/{owner.name}?confirm={owner.name}"
            assert (await send(hub, "DELETE", path, owner.key)).status == 202
        await wait_until_async(is_hidden, EFFECTIVE_SECONDS, f"the other web to hide what is {end}")


async def test_the_own_scope_is_as_if_nobody_shared_anything(hub: RunningWeb) -> None:
    owner, reader = await teams(hub, "owner", "reader")
    await owner.store(hub, *hidden())
    await reader.store(hub, OWN)

    async def own_answers(**scope: str) -> list[Answer]:
        node = f"dataset:{reader.datasets}:orders"
        return [
            await reader.get(hub, "lineage", nodeId=node, **scope),
            await reader.get(hub, "impact", nodeId=node, direction="both", **scope),
            await reader.get(hub, "search", **scope),
        ]

    before = await own_answers()
    await owner.share(hub, "*")
    assert await own_answers(scope="own") == before
    assert await reader.get(hub, "search") == before[-1]
    graph, impact, search = (one.document for one in before)
    assert {tuple(node) for node in graph["graph"]} == {("id", "type", "data", "inEdges", "outEdges")}
    assert len(impact["rows"]) == 2
    assert {tuple(one) for one in search["results"]} == {("type", "name", "updatedAt", "namespace", "nodeId")}
    assert list(search) == ["totalCount", "results", "nextCursor"]


async def test_results_of_many_come_in_pages_and_a_cursor_is_its_readers_and_its_scopes(hub: RunningWeb) -> None:
    *owners, reader, guest = await teams(hub, "owner-1", "owner-2", "reader", "guest")
    for one in owners:
        await one.store(hub, *(dataset_event(1, name) for name in ("a", "b", f"{HUSH}-1", "c%1", "z")))
        # One dataset, by several entries, is one result.
        await one.share(hub, "a", "b*", "b", "c%*", "c%1", "zz")
    await reader.store(hub, dataset_event(1, "b"))
    pages: list[Any] = []
    query: dict[str, Any] = {"namespace": reader.datasets, "scope": "shared", "limit": 2}
    cursor: dict[str, str] = {}
    while True:
        page = (await reader.get(hub, "search", **query, **cursor)).document
        assert page["totalCount"] == 7
        pages.append([(one["name"], one["sharedBy"]) for one in page["results"]])
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    first, second = sorted(one.name for one in owners)
    assert pages == [
        [("a", first), ("a", second)],
        [("b", None), ("b", first)],
        [("b", second), ("c%1", first)],
        [("c%1", second)],
    ]
    for stranger, changed in ((guest, {}), (reader, {"scope": "own"}), (reader, {"q": "b"})):
        refused = await stranger.get(hub, "search", **{**query, **cursor, **changed})
        assert (refused.status, refused.document["reason"]) == (400, "bad_cursor")


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("lineage", {"nodeId": "dataset:a:b", "scope": "all"}, "/scope"),
        ("lineage", {"nodeId": "dataset:a:b", "scope": "shared", "asOf": "2026-01-01T00:00:00Z"}, "/asOf"),
        ("lineage", {"nodeId": "redacted::0123", "scope": "shared"}, "/nodeId"),
        ("impact", {"nodeId": "dataset:a:b", "scope": "shared", "asOf": "2026-01-01T00:00:00Z"}, "/asOf"),
        ("impact", {"nodeId": "dataset:a:b", "scope": "SHARED"}, "/scope"),
        ("search", {"scope": "shared", "sort": "updated"}, "/sort"),
        ("search", {"scope": ""}, "/scope"),
    ],
)
async def test_what_does_not_go_with_the_scope_is_400(
    hub: RunningWeb, untouched: Tenant, path: str, query: dict[str, str], pointer: str
) -> None:
    answer = await Team(untouched.name, "", untouched.keys["reader"]).get(hub, path, **query)
    assert answer.status == 400, answer
    assert [error["pointer"] for error in answer.document["errors"]] == [pointer]


async def test_who_may_not_read_lineage_reads_nothing_shared(hub: RunningWeb, untouched: Tenant) -> None:
    for path, query in (("search", {}), ("lineage", {"nodeId": "dataset:a:b"}), ("impact", {"nodeId": "dataset:a:b"})):
        for key in (untouched.keys["writer"], hub.keys["operator"]):
            assert (await Team("", "", key).get(hub, path, scope="shared", **query)).status == 403
