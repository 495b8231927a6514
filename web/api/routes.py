"""Every operation of the API."""

from __future__ import annotations

from web.api import (
    alerts,
    audit,
    billing,
    budgets,
    channels,
    charges,
    costs,
    dimensions,
    exports,
    health,
    hierarchy,
    history,
    integrations,
    jobs,
    keys,
    match,
    members,
    organizations,
    pipelines,
    prices,
    quotas,
    settings,
    subscriptions,
    syncs,
)
from web.api.declare import Route

_MODULES = (
    health,
    costs,
    charges,
    hierarchy,
    dimensions,
    exports,
    syncs,
    pipelines,
    budgets,
    alerts,
    channels,
    integrations,
    history,
    match,
    prices,
    subscriptions,
    keys,
    settings,
    members,
    quotas,
    billing,
    organizations,
    jobs,
    audit,
)
ROUTES: tuple[Route, ...] = tuple(route for module in _MODULES for route in module.routes.found)
"""Every operation of the API."""
