"""send_notifications: alert-raised -> sends what waits in the outbox for that alert to its recipients."""

import functions_framework

from common.alerts.sending import send_waiting
from common.messages import AlertRaised
from common.runtime.bootstrap import runtime
from common.runtime.entrypoint import handles


@functions_framework.cloud_event
@handles(AlertRaised)
def send_notifications(message: AlertRaised) -> None:
    """Send every message of the alert that has not been sent, once to each channel.  Safe to repeat."""
    rt = runtime()
    send_waiting(message, rt.documents, rt.notifiers, rt.clock, rt.workers, rt.notifier, rt.settings.public_url)
