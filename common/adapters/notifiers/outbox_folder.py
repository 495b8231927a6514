"""Where no channel is configured, messages become readable files in a folder."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from common.errors import Retryable
from common.ports import ONE_PLACE, Notification

OUTBOX = "outbox"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME = 180


class OutboxFolderNotifier:
    """Writes each message as one text file; a repeat writes the same bytes to the same name."""

    channel = OUTBOX
    recipients = ONE_PLACE

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, notification: Notification, recipient: str = "") -> str:
        """Write the message, whole or not at all; returns its path.  Raises Retryable where the disk refuses."""
        path = self._folder / file_name(notification.notification_id)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished.write_text(f"Subject: {notification.subject}\n\n{notification.text}", encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            raise Retryable(f"cannot write {path}: {error.strerror}; free the folder and replay") from error
        return str(path)


def file_name(notification_id: str) -> str:
    """A name that any file system takes, the same on every try."""
    fit = _UNFIT.sub("_", notification_id).lstrip(".")[:_MAX_NAME]
    if fit != notification_id:
        fit = f"{fit}-{hashlib.sha256(notification_id.encode()).hexdigest()[:8]}"
    return f"{fit}.txt"
