"""The log as a channel: where nothing else is configured, an alert is a line that Cloud Logging stores and can alert on."""

from __future__ import annotations

import logging

from common.ports import ONE_PLACE, Notification

log = logging.getLogger("costwire.alerts")


class LogNotifier:
    """Keeps common.ports.Notifier."""

    channel = "log"
    recipients = ONE_PLACE

    def send(self, notification: Notification, recipient: str = "") -> str:
        """Log the subject as a warning, with the id that repeats share."""
        log.warning("alert: %s (%s)", notification.subject, notification.notification_id)
        return "the log, as a warning"
