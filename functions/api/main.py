"""api: HTTP requests -> the answers of the API, and the dashboard where users can sign in."""

from functools import cache

import flask
import functions_framework
from werkzeug.wrappers import Response

from common.runtime.bootstrap import runtime
from web.api.serving import answered
from web.serving import site_for_others


@cache
def start() -> flask.Flask:
    """Make the application, once per instance.  Raises BadConfiguration where the service may not start."""
    return site_for_others(runtime())


@functions_framework.http
def api(request: flask.Request) -> Response:
    """Answer one request."""
    return answered(start, request)
