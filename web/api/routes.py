"""Every operation of the API."""

from __future__ import annotations

from web.api import (
    alerts,
    billing,
    budgets,
    charges,
    costs,
    health,
    hierarchy,
    history,
    integrations,
    keys,
    match,
    organizations,
    pipelines,
    prices,
    quotas,
    syncs,
)
from web.api.declare import Route

_MODULES = (
    health,
    costs,
    charges,
    hierarchy,
    syncs,
    pipelines,
    budgets,
    alerts,
    integrations,
    history,
    match,
    prices,
    keys,
    quotas,
    billing,
    organizations,
)
ROUTES: tuple[Route, ...] = tuple(route for module in _MODULES for route in module.routes.found)
"""Every operation of the API."""
