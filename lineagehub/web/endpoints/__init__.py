"""ENDPOINTS: the one list of routes. The application, the OpenAPI document and the documentation page are made from it.

To add an endpoint: its handler in receivers/, queries/, admin/ or ops/, and one entry in the list of its area here beside, one file a
tag of the documentation. Marquez's API has its list beside its handlers.
"""

from __future__ import annotations

from lineagehub.web.endpoint import Endpoint
from lineagehub.web.endpoints.documentation import DOCUMENTATION_ENDPOINTS
from lineagehub.web.endpoints.manage import MANAGE_ENDPOINTS
from lineagehub.web.endpoints.operations import OPERATIONS_ENDPOINTS
from lineagehub.web.endpoints.read import READ_ENDPOINTS
from lineagehub.web.endpoints.send import SEND_ENDPOINTS
from lineagehub.web.marquez.endpoints import MARQUEZ_ENDPOINTS

ENDPOINTS: tuple[Endpoint, ...] = (
    *SEND_ENDPOINTS,
    *READ_ENDPOINTS,
    *MANAGE_ENDPOINTS,
    *MARQUEZ_ENDPOINTS,
    *OPERATIONS_ENDPOINTS,
    *DOCUMENTATION_ENDPOINTS,
)
