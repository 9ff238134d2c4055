"""The whole shared corpus of lineage events against POST /api/v1/lineage: each is taken or refused as its index says, and never 5xx."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from lineagehub.web.problems import ProblemDocument
from tests.hub.web.running import Records, RunningWeb
from tests.support.lineage_corpus import NO_JSON, REFUSED_EDGES, LineageFile, lineage_files

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDERS = ("openlineage", "openlineage-edge", "openlineage-invalid")


async def send(web: RunningWeb, file: LineageFile, **headers: str) -> tuple[int, Any]:
    headers = web.headers(**headers) | file.headers
    async with web.client.post("/api/v1/lineage", data=file.path.read_bytes(), headers=headers) as answer:
        return answer.status, orjson.loads(await answer.read())


def single_events(*folders: str) -> list[LineageFile]:
    return [file for file in lineage_files(*folders) if not file.is_batch]


async def test_what_the_index_calls_valid_is_written_untouched_and_its_bad_facets_are_named(
    web: RunningWeb, records: Records
) -> None:
    files = {
        uuid.uuid5(uuid.NAMESPACE_URL, file.name).hex: file for file in single_events(*FOLDERS) if not file.refusal
    }
    quarantined = 0
    for event_id, file in files.items():
        status, receipt = await send(web, file, lineagehub_event_id=event_id)
        assert status == 201, (file.name, receipt)
        assert bool(receipt.get("quarantined_facets")) is file.is_quarantined, (file.name, receipt)
        quarantined += file.is_quarantined
    for event_id, file in files.items():
        assert (await records.one(event_id)).value == file.path.read_bytes(), file.name
    assert len(files) > 500
    assert quarantined > 20


async def test_what_the_index_calls_invalid_is_refused_for_its_reason_with_a_pointer_a_fault(web: RunningWeb) -> None:
    files = [file for file in single_events(*FOLDERS) if file.refusal]
    with_pointers = 0
    for file in files:
        status, problem = await send(web, file)
        assert problem["reason"] == file.refusal, (file.name, problem)
        assert status == ProblemDocument.model_validate(problem).status
        assert status in (400, 422), file.name
        if file.core_pointers:
            assert sorted(error["pointer"] for error in problem["errors"]) == sorted(file.core_pointers), file.name
            with_pointers += 1
    assert {file.name for file in files} >= REFUSED_EDGES.keys() | NO_JSON.keys()
    assert with_pointers > 80
