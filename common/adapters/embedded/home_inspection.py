"""The faults of an installation on one machine: free disk space, notification channels, undelivered messages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.ports import Notifier
from common.ports.bus import PullBus
from common.ports.inspection import Finding
from common.records.sizes import in_words

_LOW_DISK_BYTES = 2 << 30


class HomeInspection:
    """Keeps common.ports.inspection.Inspection."""

    def __init__(self, home: Path, bus: PullBus, notifiers: Sequence[Notifier]) -> None:
        self._home = home
        self._bus = bus
        self._notifiers = notifiers

    def findings(self) -> Iterator[Finding]:
        """The state folder, where notifications go, messages that are not done, and each dead letter."""
        free = shutil.disk_usage(self._home).free
        low = free < _LOW_DISK_BYTES
        room = f"{self._home}, {free >> 30} GiB free"
        yield Finding("state folder", not low, room, "free some disk space" if low else "")
        files = {name: self._home / name for name in ("documents.sqlite", "bus.sqlite")}
        sizes = [f"{name} {in_words(path.stat().st_size)}" for name, path in files.items() if path.is_file()]
        yield Finding("databases", True, ", ".join(sizes) or "nothing yet")
        channels = ", ".join(one.channel for one in self._notifiers)
        yield Finding("notifications", True, f"sent to: {channels}")
        pending = self._bus.pending()
        yield Finding("messages", pending == 0, f"{pending} not done", "costwire sync finishes them" if pending else "")
        for letter in self._bus.dead_letters():
            fix = f"fix the cause, then costwire replay --topic {letter.topic}"
            yield Finding(f"{letter.topic}-dead", False, letter.reason, fix)
