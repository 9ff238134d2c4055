"""`/api/v1/namespaces/{name}/webhooks`: where a namespace's alerts go. Its owners and admins set it, and readers see the hosts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.alerts import AlertKind
from lineagehub.contract.control import WebhookFormat, WebhooksRecord
from lineagehub.contract.lineage import Fault
from lineagehub.contract.management import WebhooksRequest
from lineagehub.management.webhooks import Trial, WebhooksManager
from lineagehub.web.admin.action_rates import ACTION_RATES
from lineagehub.web.admin.documents import read_document
from lineagehub.web.admin.namespaces import manager_of_namespaces
from lineagehub.web.admin.refusing import refusing
from lineagehub.web.admin.targets import etag, expected_revisions, management_origin, target_namespace
from lineagehub.web.answers import model_answer
from lineagehub.web.parts import PARTS, PRINCIPAL, SETTINGS
from lineagehub.web.problems import SCHEMA_INVALID, Refused
from lineagehub.webhooks.destinations import DestinationRules


class WebhookDocument(BaseModel):
    """A webhook without its URL and its secret."""

    id: str
    format: WebhookFormat
    host: str
    alerts: list[AlertKind]


class WebhooksDocument(BaseModel):
    """Where the alerts of a namespace go."""

    namespace: str
    revision: int = Field(description="The ETag, too.")
    webhooks: list[WebhookDocument]
    updated_at: datetime


class TrialDocument(BaseModel):
    """What became of a test message; `status` is what the webhook answered, if it did."""

    id: str
    host: str
    outcome: Literal["sent", "refused", "unreachable"]
    status: int | None


class TrialsDocument(BaseModel):
    """The same of each webhook."""

    results: list[TrialDocument]


async def read_webhooks(request: web.Request) -> web.Response:
    """Answer where alerts go."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
    return _answer(_manager(request).of(namespace))


async def set_webhooks(request: web.Request) -> web.Response:
    """Set all webhooks of a namespace anew."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
        expected = expected_revisions(request)
        document = await read_document(request, WebhooksRequest)
        _require_different(document)
        origin = management_origin(request, namespace.name)
        return _answer(await _manager(request).set(origin, namespace, document.webhooks, expected))


async def delete_webhooks(request: web.Request) -> web.Response:
    """Delete all webhooks of a namespace; without any it stays as it is."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
        expected = expected_revisions(request)
        origin = management_origin(request, namespace.name)
        return _answer(await _manager(request).set(origin, namespace, (), expected))


async def test_webhooks(request: web.Request) -> web.Response:
    """Send a test message to each webhook, and answer what became of it."""
    with refusing():
        namespace = manager_of_namespaces(request).live(target_namespace(request))
        request.app[ACTION_RATES].webhook_trials.take(request[PRINCIPAL])
        trials = await _manager(request).test(management_origin(request, namespace.name), namespace)
    return model_answer(TrialsDocument(results=[_described(trial) for trial in trials]))


def _require_different(document: WebhooksRequest) -> None:
    urls = [webhook.url for webhook in document.webhooks]
    faults = [
        Fault(f"/webhooks/{index}/url", "is there already.") for index, url in enumerate(urls) if url in urls[:index]
    ]
    if faults:
        raise Refused(SCHEMA_INVALID, f"{faults[0].pointer} {faults[0].detail}", faults)


def _described(trial: Trial) -> TrialDocument:
    webhook = trial.webhook
    return TrialDocument(id=webhook.id, host=webhook.host, outcome=trial.outcome, status=trial.status)


def _answer(record: WebhooksRecord) -> web.Response:
    document = WebhooksDocument(
        namespace=record.namespace,
        revision=record.revision,
        webhooks=[WebhookDocument(**webhook.model_dump(exclude={"sealed"})) for webhook in record.webhooks],
        updated_at=record.updated_at,
    )
    return model_answer(document, headers=etag(record.revision))


def _manager(request: web.Request) -> WebhooksManager:
    parts = request.app[PARTS]
    return WebhooksManager(parts.control, parts.audit, parts.sealer, DestinationRules.of(request.app[SETTINGS].alerts))
