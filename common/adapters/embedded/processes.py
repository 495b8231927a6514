"""Which process holds a claim or lease, and whether that process has certainly ended.

A pid is reused sooner or later, so on Linux the start time is stored with it, and the scope in which the pid is valid:
the boot and the pid namespace (a container has its own).  Source: proc(5).  Elsewhere the pid alone can prove a death.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


class Processes:
    """Workers that are processes of one machine."""

    def this(self) -> str:
        """The name of this process."""
        return this_process()

    def is_gone(self, worker: str) -> bool:
        """Whether that process is certainly dead."""
        return worker.count("|") == 3 and is_gone(worker)


def this_process() -> str:
    """Names the calling process, for `is_gone` in any other process."""
    pid = os.getpid()
    return f"{_boot()}|{_namespace()}|{pid}|{_start_ticks(pid) or ''}"


def is_gone(holder: str) -> bool:
    """Whether the process is certainly dead; False where that cannot be told from here."""
    boot, namespace, pid, started = holder.split("|")
    if boot != _boot():
        # nothing outlives its boot; where one side has no boot id the two are different systems
        return bool(boot and _boot())
    if namespace != _namespace():
        return False
    if started:
        return str(_start_ticks(int(pid))) != started
    return os.name == "posix" and not _is_in_use(int(pid))


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # field 2, the command, stands in parentheses and may hold spaces; field 3 is the state, field 22 the start time
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _is_in_use(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
