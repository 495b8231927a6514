"""The source of a function for push tests: it fails as often and in the way that a file named for its trigger says."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import functions_framework

from common.errors import Held, NotReady, Permanent, Retryable
from common.messages import SyncRequested
from common.runtime import push_auth
from common.runtime.entrypoint import handles

FOLDER = Path(os.environ["PUSHED_FOLDER"])
SECRET = "secret-4711"
if url := os.environ.get("PUSHED_CERTIFICATES"):
    push_auth.certificates = push_auth.Certificates(url)


class Killed(BaseException):
    """Stands for an instance that is gone before it answers."""


@functions_framework.cloud_event
@handles(SyncRequested)
def dispatch_sync(message: SyncRequested) -> None:
    """Write down the call, then do as told: `retryable 2` fails twice."""
    with (FOLDER / "journal").open("a") as journal:
        journal.write(f"{message.run_id} {time.time()}\n")
    calls = sum(line.startswith(f"{message.run_id} ") for line in (FOLDER / "journal").read_text().splitlines())
    told = FOLDER / message.trigger
    how, times = told.read_text().split() if told.exists() else ("", "0")
    if calls > int(times):
        return
    if how == "retryable":
        raise Retryable("the warehouse is away")
    if how == "permanent":
        raise Permanent("the credential was revoked; connect the account again")
    if how == "held":
        raise Held("another worker has it", datetime.now(UTC) + timedelta(hours=1))
    if how == "not_ready":
        raise NotReady("the export is not finished")
    if how == "killed_here":
        raise Killed("killed")
    if how == "unknown":
        raise RuntimeError(f"a line of the bill: {SECRET}")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
