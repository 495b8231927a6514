"""The application for others than the user of this machine: the API, and the dashboard where users can sign in."""

from __future__ import annotations

import flask

from common.ports import Runtime
from web.api.app import Service, create_app
from web.api.routes import ROUTES
from web.api.serving import service_for_others


def site_for_others(rt: Runtime) -> flask.Flask:
    """The application as the environment configures it.  Raises BadConfiguration that names everything that is missing."""
    return site_of(rt, service_for_others(rt))


def site_of(rt: Runtime, service: Service) -> flask.Flask:
    """The pages are for users: without sign-in, and on another address than this machine's own, there is the API only."""
    if service.people is None and not service.loopback:
        return create_app(rt, service, ROUTES)
    from web.site import create_site  # templates and charts, which the API alone does not need

    return create_site(rt, service)
