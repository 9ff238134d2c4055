"""Every route of the OpenAPI document, walked with another tenant's ids: nothing of his is shown, and nothing of his is changed.

What is another's is answered as what does not exist, to the letter. The routes are the document's: a new one is walked by itself, and fails
here until tests/hub/web/walking.py can make its parameters. That its own tenant does find them is in test_reader_user.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import pytest_asyncio

from lineagehub.auth.api_keys import make_api_key, parse_api_key
from lineagehub.broker.topics import apply_topics
from lineagehub.contract.topics import OPENLINEAGE_EVENTS
from lineagehub.web.endpoints import ENDPOINTS
from tests.hub.web.running import READY_SECONDS, RunningWeb, running_web, settings_for
from tests.hub.web.walking import PROBES, Ask, Tenant, Unmakeable, requests, send
from tests.support.clickhouse import start_migrated_clickhouse

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADERS_OF_OTHERS = ("X-Scope-OrgID", "X-Namespace", "X-Tenant", "X-Forwarded-User", "X-Remote-User", "lh-ns")
"""By which other systems, and Kafka's envelope, say whose data are meant."""
PARAMETERS_OF_OTHERS = {"namespace", "tenant", "ns", "org_id"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walked(web: RunningWeb, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningWeb]:
    """A web with the session's keys, a ClickHouse of its own, and a lineage topic with nothing in flight."""
    names = {OPENLINEAGE_EVENTS.name: f"{OPENLINEAGE_EVENTS.name}-{uuid.uuid4().hex[:8]}"}
    kafka = web.settings.kafka.model_copy(update={"topic_names": names})
    await apply_topics(kafka, [OPENLINEAGE_EVENTS])
    with start_migrated_clickhouse(tmp_path_factory.mktemp("walked")) as server:
        async with running_web(settings_for(kafka, server.url)) as running:
            running.keys = web.keys
            assert await running.parts.control_view.wait_complete(READY_SECONDS)
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def document(web: RunningWeb) -> dict[str, Any]:
    """The OpenAPI document as the web serves it."""
    async with web.client.get("/openapi.json") as answer:
        read: dict[str, Any] = await answer.json()
        return read


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(walked: RunningWeb) -> Tenant:
    """Team-a, with everything stored, and the versions that Marquez' routes name."""
    key = parse_api_key(walked.keys["owner"])
    assert key is not None
    tenant = Tenant(walked.namespace, key.kid)
    await tenant.store(walked.parts.clickhouse)
    await Tenant("team-b").store(walked.parts.clickhouse)
    return await tenant.with_versions(walked)


def reads(asks: Iterable[Ask]) -> list[Ask]:
    return [ask for ask in asks if ask.method == "GET" and not ask.is_open]


async def test_the_document_has_every_route(document: dict[str, Any]) -> None:
    walked = {(ask.method, ask.route) for ask in requests(document, Tenant("team-a"))}
    assert walked == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}


@pytest.mark.parametrize("place", ["path", "query"])
async def test_a_route_with_a_parameter_that_nobody_can_make_fails(place: str) -> None:
    parameter = {"in": place, "name": "unheard_of", "required": True}
    with pytest.raises(Unmakeable, match="unheard_of"):
        requests({"paths": {"/new/{unheard_of}": {"get": {"parameters": [parameter]}}}}, Tenant("team-a"))
    with pytest.raises(Unmakeable, match="no body"):
        requests({"paths": {"/new": {"post": {"requestBody": {}}}}}, Tenant("team-a"))


async def test_anothers_is_nowhere_and_is_answered_as_what_does_not_exist(
    walked: RunningWeb, document: dict[str, Any], owner: Tenant
) -> None:
    nobody = Tenant("no-such-team")
    switches = {"X-Scope-OrgID": owner.namespace, "X-Namespace": owner.namespace}
    for foreign, unknown in zip(requests(document, owner), requests(document, nobody), strict=True):
        if foreign.method not in ("GET", "DELETE"):
            continue
        headers = {} if foreign.is_open else walked.headers("stranger")
        status, text = await send(walked, foreign, headers=headers | switches)
        # Only the words of the request may come back.
        expected = await send(walked, unknown, headers=headers)
        if foreign.route not in PROBES:
            assert (status, unnamed(text, owner)) == (expected[0], unnamed(expected[1], nobody)), str(foreign)
        is_his = not foreign.is_open and foreign.names and is_required(foreign)
        assert status in ((404,) if is_his else (200, 404)), (str(foreign), text)
        if status == 200:
            assert not any(word in text for word in owner.words), (str(foreign), text)


async def test_no_header_and_no_parameter_switches_the_tenant_of_a_read(
    walked: RunningWeb, document: dict[str, Any], owner: Tenant
) -> None:
    own = walked.headers("stranger", X_Request_Id="the-same")
    switching = own | dict.fromkeys(HEADERS_OF_OTHERS, owner.namespace)
    unchanged = 0
    asks = reads([*requests(document, Tenant("team-b")), *requests(document, owner)])
    for ask in asks:
        expected = await send(walked, ask, headers=own)
        query = dict.fromkeys(PARAMETERS_OF_OTHERS - ask.query.keys(), owner.namespace)
        answer = await send(walked, ask, headers=switching, **query)
        unchanged += answer == expected
        # A parameter that the route has, such as the namespace of a job, is one more filter.
        assert answer == expected or answer[0] in (200, 400, 404), (str(ask), answer)
        if answer[0] == 200:
            assert not any(word in answer[1] for word in owner.words), (str(ask), answer)
    assert unchanged > len(asks) * 0.9


def unnamed(text: str, tenant: Tenant) -> str:
    """Return an answer without the tenant's ids, and without what differs between two requests."""
    for word in (*tenant.words, tenant.namespace, tenant.kid):
        text = text.replace(word, "…")
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        return text
    if isinstance(answer, dict):
        answer.pop("request_id", None)
    return json.dumps(answer, sort_keys=True)


def is_required(ask: Ask) -> bool:
    """Whether the id that a request names is what it asks for, and not one filter among others."""
    lists = ("/jobs", "/datasets", "/runs", "/versions", "/facets")
    return ("{" in ask.route and not (ask.route.startswith("/marquez") and ask.route.endswith(lists))) or (
        "nodeId" in ask.query
    )


async def test_nothing_of_anothers_is_changed(walked: RunningWeb, document: dict[str, Any], owner: Tenant) -> None:
    asks = requests(document, owner)
    lists = [ask for ask in reads(asks) if not ask.names]
    before = {str(ask): await send(walked, ask) for ask in lists}
    # Deletions first: they wait for events that are on their way.
    for ask in sorted(asks, key=lambda ask: ask.method):
        if ask.method != "GET":
            status, text = await send(walked, ask, "stranger")
            # An event goes to the namespace of its key, whatever its job is called.
            manages = ask.method == "DELETE" or ask.route.startswith("/api/v1/namespaces")
            names_owner = manages or owner.namespace.encode() in (ask.body or b"")
            assert status in ((403, 404) if names_owner else (200, 201, 204)), (str(ask), text)
    for ask in lists:
        assert await send(walked, ask) == before[str(ask)], str(ask)


async def test_a_writer_reads_and_deletes_nothing_and_a_reader_writes_and_deletes_nothing(
    walked: RunningWeb, document: dict[str, Any], owner: Tenant
) -> None:
    sends = {endpoint.path for endpoint in ENDPOINTS if endpoint.tag == "Send" and endpoint.method == "POST"}
    for ask in requests(document, owner):
        if ask.is_open:
            continue
        sending = ask.method == "POST" and ask.route in sends
        role = "reader" if ask.method != "GET" else "writer"
        status, text = await send(walked, ask, role)
        assert status == 403, (role, str(ask), text)
        assert owner.marker not in text.replace(ask.path, ""), (role, str(ask))
        if not sending:
            assert (await send(walked, ask, "writer"))[0] == 403, ("writer", str(ask))


async def test_an_unknown_key_and_no_key_get_nothing(
    walked: RunningWeb, document: dict[str, Any], owner: Tenant
) -> None:
    unknown = {"Authorization": f"Bearer {make_api_key('test').text}"}
    for ask in requests(document, owner):
        if not ask.is_open:
            for headers in ({}, unknown):
                status, text = await send(walked, ask, headers=headers)
                assert status == 401, (str(ask), text)
