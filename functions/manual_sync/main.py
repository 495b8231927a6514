"""manual_sync: an HTTP request with a key -> sync-requested."""

from functools import cache

import flask
import functions_framework
from werkzeug.wrappers import Response

from common.runtime.bootstrap import runtime
from web.api.health import routes as health
from web.api.serving import answered, app_for_others
from web.api.syncs import routes as syncs


@cache
def start() -> flask.Flask:
    """Make the application, once per instance.  Raises BadConfiguration where the service may not start."""
    return app_for_others(runtime(), [*health.found, *syncs.found])


@functions_framework.http
def manual_sync(request: flask.Request) -> Response:
    """Answer one request."""
    return answered(start, request)
