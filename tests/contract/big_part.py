"""Delivers one bill of a bucket as a function would, with all objects in the bucket, and tells what that took of this process.

python -m tests.contract.big_part FOLDER LOCATION BUCKET; prints one line of JSON.  FOLDER/scratch is all that takes temporary files,
as a function's memory is.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from functools import cached_property
from pathlib import Path

from benchmarks.watch import Watch
from common.adapters.gcp.storage import CloudStorageObjectStore
from common.config import Settings
from common.messages import SyncRequested
from common.ports import ObjectStore
from common.records.deliveries import Delivery
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.worker import subscribe_all, work

BUCKETS: list[str] = []


class BucketRuntime(EmbeddedRuntime):
    """The embedded runtime, but that its objects lie in a bucket and its scratch is watched."""

    @cached_property
    def scratch(self) -> Path:
        return Path(tempfile.gettempdir())

    @cached_property
    def objects(self) -> ObjectStore:
        return CloudStorageObjectStore.connect("costwire-test", BUCKETS[0], self.scratch)


def main(folder: str, location: str, bucket: str) -> None:
    """Land, map, prove and show the bill."""
    scratch = Path(folder) / "scratch"
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    BUCKETS.append(bucket)
    rt = BucketRuntime(Settings(home=Path(folder) / "home", threads=2))  # type: ignore[call-arg]  # the rest is the environment's
    bootstrap.use(rt)
    ensure_default(rt.documents, rt.clock.now())
    save_integration(rt.documents, rt.clock.now(), "default", "big", "aws", location)
    subscribe_all(rt)
    rt.bus.publish(SyncRequested("big", "test", "default", "big"))
    watch = Watch(scratch)
    watch.start()
    seconds: dict[str, float] = {}
    before = time.perf_counter()
    for outcome in work(rt):
        if outcome.error:
            raise SystemExit(f"{outcome.delivery.subscription}: {outcome.error}")
        now = time.perf_counter()
        seconds[outcome.delivery.subscription] = seconds.get(outcome.delivery.subscription, 0) + now - before
        before = now
    [(_, delivery)] = rt.documents.list("orgs/default/deliveries")
    told = {
        "state": delivery["state"],
        "proof": delivery["proof"],
        "rows": delivery["rows"],
        "chunks": len(Delivery.from_document(delivery).chunks),
        "scratch_peak_bytes": watch.peak_bytes,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds": seconds,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
