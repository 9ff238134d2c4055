"""Endpoints of management: for owners and admins of a namespace, and the platform's operator. Handlers: admin/."""

from __future__ import annotations

from lineagehub.contract.control import Scope
from lineagehub.web.admin.lineage_deletion import DeletionQuery, DeletionReceipt, delete_lineage
from lineagehub.web.endpoint import Endpoint, json_of
from lineagehub.web.problems import (
    INVALID_PARAMETER,
    NOT_FOUND,
    STORE_BEHIND,
    UNAVAILABLE,
)

TAG = "Manage"

MANAGE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "DELETE",
        "/api/v1/lineage",
        delete_lineage,
        "Delete a job with its runs, a dataset under all of its names, or a namespace of OpenLineage with its jobs and datasets.",
        TAG,
        scope=Scope.NAMESPACE_ADMIN,
        query=DeletionQuery,
        responses={200: json_of(DeletionReceipt, "No read shows it any more.")},
        problems=(INVALID_PARAMETER, NOT_FOUND, STORE_BEHIND, UNAVAILABLE),
    ),
)
