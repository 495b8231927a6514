"""Ctrl-C and SIGTERM on the command line: the process ends within two seconds, with nothing half-written and nothing recorded as failed.

A Python signal handler alone is not enough.  It runs in the main thread between two steps of Python, and that thread may be inside
DuckDB for minutes; what it raises inside a function that DuckDB calls comes out as an error of the query; and an error handler
would treat it as a failed attempt.  So:

- a thread receives the signal at once (`signal.set_wakeup_fd`), interrupts every DuckDB query, and raises in the main thread;
- from then on nothing is written (`check`): the output of an interrupted step does not count as a result;
- at the end (`at_end`) messages that were received are returned, so that another process gets them at once and no attempt is counted;
- where the main thread does not come out in time, the thread does that and ends the process: a kill at any moment is safe, and is tested.

Only the command line installs this.  Deployed functions keep the handlers of their server.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_SECONDS = 1.4
"""How long the main thread may take to come out by itself."""
_AGAIN_SECONDS = 0.6
"""After which the main thread is told once more: a library may have swallowed the first time."""
_STEP_SECONDS = 0.05
_TIDY_SECONDS = 0.3
_SHOW_CURSOR = "\r\x1b[2K\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end."""


class _Interruptible(Protocol):
    def interrupt(self) -> None: ...


_received: int | None = None
_raised = False
_tidying: int | None = None
"""The thread that does what is done at the end: the only one that may still write."""
_lock = threading.Lock()
_running: weakref.WeakSet[_Interruptible] = weakref.WeakSet()
_at_end: list[Callable[[], None]] = []


def received() -> int | None:
    """The signal that asked the process to end, or None."""
    return _received


def check() -> None:
    """Before something is written, or an error is believed.  Raises Stopped once the process was asked to end."""
    if _received is not None and _tidying != threading.get_ident():
        raise Stopped


@contextmanager
def interruptible(connection: _Interruptible) -> Iterator[None]:
    """Have the connection's queries interrupted; it must not be closed before this is left."""
    with _lock:
        _running.add(connection)
    try:
        yield
    finally:
        with _lock:
            _running.discard(connection)


def at_end(act: Callable[[], None]) -> None:
    """Call this once where a signal ends the process.  It must be quick, and safe beside an unfinished main thread."""
    if act not in _at_end:
        _at_end.append(act)


def tidy() -> None:
    """Do what is to be done at the end; nothing the second time."""
    global _tidying
    with _lock:
        acts, _at_end[:] = list(_at_end), []
        _tidying = threading.get_ident()
    for act in acts:
        with suppress(Exception):
            act()


def end(line: str) -> NoReturn:
    """End the process as the signal asks, with one line on stderr.

    Without the interpreter's own end: an interrupted query leaves objects behind, of which DuckDB's binding would complain at length.
    """
    tidy()
    with suppress(Exception):
        atexit._run_exitfuncs()  # scratch folders
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os.write(2, f"costwire: {line}\n".encode())
    os._exit(128 + (_received or signal.SIGINT))


def install() -> None:
    """Handle SIGINT and SIGTERM from now on.  For the main thread of the command line."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in SIGNALS:
        signal.signal(number, _raise_once)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reader,), name="stopping", daemon=True).start()


def _raise_once(number: int, frame: FrameType | None) -> None:
    global _received, _raised
    if _received is None:
        _received = number
    if not _raised and _tidying is None:  # a second signal must not cut the tidying short; it ends in time anyway
        _raised = True
        raise Stopped


def _listen(reader: int) -> None:
    global _received, _raised
    number = 0
    while number not in SIGNALS:
        number = os.read(reader, 1)[0]
    if _received is None:
        _received = number
    began = time.monotonic()
    told_again = False
    while (passed := time.monotonic() - began) < PATIENCE_SECONDS:
        with _lock:
            for connection in list(_running):
                with suppress(Exception):
                    connection.interrupt()
        if passed >= _AGAIN_SECONDS and not told_again:
            told_again, _raised = True, False
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        time.sleep(_STEP_SECONDS)
    _leave(number)


def _leave(number: int) -> None:
    """The last resort."""
    tidying = threading.Thread(target=tidy, daemon=True)
    tidying.start()
    tidying.join(_TIDY_SECONDS)
    with suppress(Exception):
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR.encode())
        os.write(2, f"costwire: {WORDS}\n".encode())
    os._exit(128 + number)


WORDS = "stopped; run costwire sync to continue"
"""What a person reads who stopped a command."""
