"""provider_webhook: a provider's call about new files -> sync-requested."""

import flask
import functions_framework

from common.runtime.bootstrap import runtime
from web.webhooks import answer


@functions_framework.http
def provider_webhook(request: flask.Request) -> flask.Response:
    """Answer one call."""
    return answer(runtime(), request)
