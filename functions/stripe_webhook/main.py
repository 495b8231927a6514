"""stripe_webhook: an event of Stripe over HTTP -> subscription-changed."""

import flask
import functions_framework

from common.runtime.bootstrap import runtime
from web.stripe_webhook import answered


@functions_framework.http
def stripe_webhook(request: flask.Request) -> flask.Response:
    """Answer one delivery."""
    return answered(runtime(), request)
