"""As `delivery`, with the peak of scratch beside it.

Arguments: file, total that the bill must have.  State lies in $COSTWIRE_HOME.
"""

import json
import sys
import tempfile

from benchmarks.probes import delivery
from benchmarks.watch import Watch
from common.records.deliveries import Delivery
from common.runtime.bootstrap import runtime


def main(file: str, total: str) -> None:
    """Deliver, check the proof, and tell the seconds of each function and the peak of scratch."""
    rt = runtime()
    folder = rt.settings.home / "temporary"
    folder.mkdir(parents=True)
    tempfile.tempdir = str(folder)
    watch = Watch(rt.scratch, folder)
    watch.start()
    facts = delivery.deliver(file, total)
    [(_, document)] = rt.documents.list("orgs/default/deliveries")
    chunks = len(Delivery.from_document(document).chunks)
    print(json.dumps({**facts, "chunks": chunks, "scratch_peak_bytes": watch.peak_bytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
