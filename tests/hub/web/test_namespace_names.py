"""What is no namespace, wherever a request may name one: refused by the grammar, never resolved, never in a header or a record."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from lineagehub.contract.headers import HTTP_NAMESPACE
from tests.hub.web.raw_http import RawAnswer, exchange
from tests.hub.web.running import Records, RunningWeb
from tests.hub.web.samples import run_event

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANAGED = "/api/v1/namespaces"
NAMES = {
    "a bar": "team-a|team-b",
    "a star": "*",
    "two dots": "..",
    "a traversal": "../../etc/passwd",
    "a slash": "team-a/x",
    "a backslash": "team-a\\x",
    "a traversal into another's": "team-a/../team-b",
    "NUL": "team-a\0",
    "NUL and another's": "team-a\0team-b",
    "a line break": "team-a\r\nX-Injected: yes",
    "a line feed at the end": "team-b\n",
    "256 characters": "a" * 256,
    "upper case": "TEAM-B",
    "a wide letter": "team-\N{FULLWIDTH LATIN SMALL LETTER B}",
    "spaces around": " team-b ",
    "SQL": "x' OR Namespace = 'team-b",
    "a format string": "{namespace}%s",
    "the operator's lane": "_operator",
    "escaped twice": "%2e%2e",
}


async def get_raw(web: RunningWeb, role: str, path: str) -> RawAnswer:
    """Read a path that no client rewrites."""
    head = f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer {web.keys[role]}\r\n\r\n"
    return await exchange(web.url, head.encode())


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("role", ["operator", "stranger"])
async def test_in_a_path_it_is_400_to_whoever_asks(web: RunningWeb, role: str, name: str) -> None:
    answer = await get_raw(web, role, f"{MANAGED}/{quote(name, safe='')}")
    head, _, body = answer.data.partition(b"\r\n\r\n")
    assert (answer.status, answer.answers) == (400, 1)
    assert json.loads(body)["reason"] == "invalid_namespace"
    assert b"x-injected" not in head.lower()
    assert b"\r" not in body
    assert b"\0" not in answer.data


@pytest.mark.parametrize(
    "path",
    [
        f"{MANAGED}/..%2f..%2fetc",
        f"{MANAGED}/%2e%2e",
        f"{MANAGED}/%2e%2e/%2e%2e/v1/namespaces/team-b",
        f"{MANAGED}/team-a/../team-b",
        f"{MANAGED}/team-a/%2e%2e/team-b",
        f"{MANAGED}/team-a%00",
        f"{MANAGED}/team-a%0d%0aX-Injected:%20yes",
        f"{MANAGED}/team-a%ff",
        f"{MANAGED}//team-b",
        f"{MANAGED}/./team-b",
        f"{MANAGED}/team-b;x=1",
        f"{MANAGED}/team-b%2fkeys",
    ],
)
async def test_a_raw_path_is_never_resolved_to_another_namespace(web: RunningWeb, path: str) -> None:
    answer = await get_raw(web, "owner", path)
    head, _, body = answer.data.partition(b"\r\n\r\n")
    assert answer.status in (400, 404), answer.data
    assert json.loads(body)["reason"] in ("invalid_namespace", "not_found", "invalid_request")
    assert b"x-injected" not in head.lower()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_in_a_body_it_is_refused_and_nothing_is_written(web: RunningWeb, records: Records, name: str) -> None:
    job = {"namespace": "misnamed", "name": "never-written"}
    body = {"namespace": name, "events": [run_event(job=job)]}
    async with web.client.post("/api/v1/lineage/ingest", json=body, headers=web.headers("stranger")) as answer:
        text = await answer.text()
        assert (answer.status, json.loads(text)["reason"]) == (403, "namespace_mismatch"), text
        assert not {"\r", "\n", "\0"} & {*"".join(map(str, answer.headers.values()))}
    async with web.client.post("/api/v1/lineage", json=run_event(), headers=web.headers("stranger")) as answer:
        await records.one((await answer.json())["event_id"])
    assert not [record for record in records.all if b"never-written" in record.value]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_in_the_header_it_is_refused(web: RunningWeb, name: str) -> None:
    body = json.dumps(run_event()).encode()
    head = (
        f"POST /api/v1/lineage HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer {web.keys['stranger']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{HTTP_NAMESPACE}: {name}\r\n\r\n"
    )
    answer = await exchange(web.url, head.encode() + body)
    # HTTP itself forbids NUL and a lone line feed in a header, and takes spaces around a value for nothing.
    if name.strip(" ") == "team-b":
        assert answer.status == 201
    else:
        assert answer.status in (400, 403), answer.data
        assert b"x-injected" not in answer.data.lower()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_in_a_query_it_names_nobody(web: RunningWeb, records: Records, name: str) -> None:
    query = f"namespace={quote(name, safe='')}&lineagehub-namespace={quote(name, safe='')}"
    path = f"/api/v1/lineage?{query}"
    async with web.client.post(path, json=run_event(), headers=web.headers("stranger")) as answer:
        assert answer.status == 201
        record = await records.one((await answer.json())["event_id"])
    assert dict(record.headers)["lh-ns"] == b"team-b"
