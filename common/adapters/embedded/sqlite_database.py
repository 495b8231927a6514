"""A SQLite file that many threads and processes write: one connection per thread, one writer at a time.

Write-ahead logging: what was committed survives a killed process in any case.  A synced commit survives a loss of power
too; without it a message could be lost after its producer had received the confirmation.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from common import stopping
from common.adapters.embedded.folders import make_folder
from common.errors import BadConfiguration, Contention, NoSpace, Permanent, Retryable

Result = TypeVar("Result")

BUSY_SECONDS = 5.0
TRIES = 6


class Connection(sqlite3.Connection):
    """A connection that closes itself when its thread is gone."""

    def __del__(self) -> None:
        self.close()


class SqliteDatabase:
    """Opens the file on first use and makes its folder and tables.

    schema: statements that bear repeating.  busy_seconds: how long one try waits for the other writer; after `tries` of
    them the work fails with Contention.
    """

    def __init__(self, path: Path, schema: str, busy_seconds: float = BUSY_SECONDS, tries: int = TRIES) -> None:
        self.path = path
        self._schema = schema
        self._busy_seconds = busy_seconds
        self._tries = tries
        self._local = threading.local()
        self._open: weakref.WeakSet[Connection] = weakref.WeakSet()

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run statements that change nothing."""
        return self._retrying(lambda: work(self._connection()))

    def write(self, work: Callable[[sqlite3.Connection], Result], synced: bool = True) -> Result:
        """Run `work` as the only writer and commit; whatever it raises rolls back and passes through.

        synced: wait until it is on the disk, and every commit before it.  Raises Contention when other writers left no
        turn, Stopped once the process was asked to end.
        """
        stopping.check()
        return self._retrying(lambda: self._in_transaction(work, synced))

    def close(self) -> None:
        """Close the connections of all threads; the next use opens again."""
        for connection in list(self._open):
            connection.close()
        self._local = threading.local()

    def _retrying(self, work: Callable[[], Result]) -> Result:
        retrying = Retrying(
            retry=retry_if_exception(_is_busy),
            stop=stop_after_attempt(self._tries),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        with self._translated():
            return retrying(work)

    def _in_transaction(self, work: Callable[[sqlite3.Connection], Result], synced: bool) -> Result:
        connection = self._connection()
        if connection.in_transaction:
            raise Permanent(f"a transaction on {self.path.name} is open in this thread: use that one")
        connection.execute(f"pragma synchronous = {'full' if synced else 'normal'}")
        connection.execute("begin immediate")
        try:
            result = work(connection)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return result

    def _connection(self) -> Connection:
        # a forked child must not use its parent's connection
        if getattr(self._local, "owner", None) != os.getpid():
            self._local.connection = self._connect()
            self._local.owner = os.getpid()
        connection: Connection = self._local.connection
        return connection

    def _connect(self) -> Connection:
        make_folder(self.path.parent)
        connection = sqlite3.connect(
            self.path, self._busy_seconds, isolation_level=None, check_same_thread=False, factory=Connection
        )
        connection.execute("pragma journal_mode = wal")
        for statement in self._schema.split(";"):
            connection.execute(statement)
        self._open.add(connection)
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _translate(self.path, error) from error
        except sqlite3.DatabaseError as error:
            if _code(error) in _UNUSABLE:
                raise _translate(self.path, error) from error
            raise


_UNUSABLE = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its folder exists and that you own it",
    sqlite3.SQLITE_READONLY: "is read-only: make it and its folder writable",
    sqlite3.SQLITE_PERM: "cannot be opened: permission denied; check its permissions",
    sqlite3.SQLITE_NOTADB: "is not an SQLite file: move it away",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it, or move it away and import the bills again",
}


def _code(error: BaseException) -> int:
    # extended codes carry the primary one in their lowest byte
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and _code(error) in {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }


def _translate(path: Path, error: sqlite3.Error) -> Exception:
    code = _code(error)
    if _is_busy(error):
        return Contention(f"{path.name} is locked by other processes; try again")
    if code == sqlite3.SQLITE_FULL or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE:
        return NoSpace(f"disk full while writing {path}: free some space")
    if code == sqlite3.SQLITE_IOERR:
        return Retryable(f"the disk failed while using {path}: {getattr(error, 'sqlite_errorname', 'SQLITE_IOERR')}")
    if code in _UNUSABLE:
        return BadConfiguration(f"{path} {_UNUSABLE[code]}")
    return error
