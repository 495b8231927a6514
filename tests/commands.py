"""The command line in processes of its own, forked from one that has loaded its modules: for tests of what it does, not of how it starts.

A process that loads everything anew takes a second of processor time before it does anything.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing.process import _children  # type: ignore[attr-defined]
from pathlib import Path

LOADED = [
    "costwire.__main__", "costwire.cli", "functions_framework", "common.adapters.embedded.duckdb_warehouse",
    "common.adapters.embedded.folder_objects", "common.adapters.embedded.sqlite_bus", "common.adapters.embedded.sqlite_documents",
    "common.ingestion.dispatch", "common.normalization.normalize", "common.normalization.chunk", "common.runtime.handling",
    "functions.dispatch_sync.main", "functions.ingest_aws.main", "functions.normalize_focus.main", "functions.evaluate_budgets.main",
    "tests.filled_caches",
]  # fmt: skip
"""What most commands import and compute; the rest is imported when it is needed, as ever."""
if os.environ.get("PUBSUB_EMULATOR_HOST"):
    LOADED += [f"common.adapters.gcp.{name}" for name in ("bigquery", "firestore", "pubsub", "storage")]
_starting = threading.Lock()
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(LOADED)


class Command:
    """`costwire WORDS`, started.

    env: its whole environment.  cwd: its folder, else this process's.  terminal: the path of the one at which a person types, else
    there is nothing to read.
    """

    def __init__(
        self, *words: str, env: Mapping[str, str], cwd: Path | None = None, terminal: str = os.devnull
    ) -> None:
        self._words = words
        self._printed = Path(tempfile.mkdtemp(prefix="costwire-command-"))
        self._process = _processes.Process(
            target=_run, args=(words, dict(env), str(cwd or Path.cwd()), terminal, str(self._printed))
        )
        with _starting:
            self._process.start()
            _children.discard(
                self._process
            )  # who starts the next one would take this one's exit status from who waits for it

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self._process.kill()

    def end(self, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Wait for its end; a killed process has the status -9.  Raises TimeoutExpired after so many seconds, and kills it."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            self._process.join()
            raise subprocess.TimeoutExpired(self._words, timeout)
        printed = [(self._printed / name).read_text() if (self._printed / name).exists() else "" for name in "12"]
        shutil.rmtree(self._printed)
        return subprocess.CompletedProcess(self._words, self._process.exitcode, *printed)


def run(
    *words: str, env: Mapping[str, str], cwd: Path | None = None, terminal: str = os.devnull, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.  timeout: in seconds."""
    return Command(*words, env=env, cwd=cwd, terminal=terminal).end(timeout)


def _run(words: tuple[str, ...], env: dict[str, str], cwd: str, terminal: str, printed: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, path, flags in (
        (0, terminal, os.O_RDWR),
        (1, f"{printed}/1", os.O_WRONLY | os.O_CREAT),
        (2, f"{printed}/2", os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        if opened != number:
            os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # for as long as the process lasts
    sys.argv = ["costwire", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from costwire.__main__ import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # which a forked process leaves out
