"""Every operation of the API."""

from __future__ import annotations

from web.api import (
    alerts,
    billing,
    budgets,
    charges,
    costs,
    health,
    history,
    integrations,
    keys,
    members,
    organizations,
    pipelines,
    quotas,
    syncs,
)
from web.api.declare import Route

_MODULES = (
    health,
    costs,
    charges,
    syncs,
    pipelines,
    budgets,
    alerts,
    integrations,
    history,
    keys,
    members,
    quotas,
    billing,
    organizations,
)
ROUTES: tuple[Route, ...] = tuple(route for module in _MODULES for route in module.routes.found)
"""Every operation of the API."""
