"""The most bytes that ever lay in a folder."""

from __future__ import annotations

import threading
import time
from pathlib import Path


class Watch(threading.Thread):
    """Looks at a folder and all below it, until the process ends."""

    def __init__(self, *folders: Path) -> None:
        super().__init__(daemon=True)
        self._folders = folders
        self.peak_bytes = 0

    def run(self) -> None:
        while True:
            found = sum(_size(path) for folder in self._folders for path in folder.rglob("*"))
            self.peak_bytes = max(self.peak_bytes, found)
            time.sleep(0.02)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
