"""A whole delivery through the real functions: landed with its digest and control totals, mapped, validated, proved, shown.

Arguments: file, total that the bill must have.  State lies in $COSTWIRE_HOME.
"""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.messages import SyncRequested
from common.records.deliveries import CURRENT
from common.records.integrations import save_integration
from common.records.organizations import ensure_default
from common.runtime.bootstrap import runtime
from costwire.worker import subscribe_all, work


def main(file: str, total: str) -> None:
    """Deliver, and tell what that took."""
    print(json.dumps(deliver(file, total)))


def deliver(file: str, total: str) -> dict[str, Any]:
    """Deliver, check the proof; the seconds of each function."""
    rt = runtime()
    ensure_default(rt.documents, rt.clock.now())
    save_integration(rt.documents, rt.clock.now(), "default", "bench", "aws", Path(file).absolute().as_uri())
    subscribe_all(rt)
    seconds: dict[str, float] = {}
    rt.bus.publish(SyncRequested("bench", "benchmark", "default", "bench"))
    started = before = time.perf_counter()
    for outcome in work(rt):
        if outcome.error:
            raise SystemExit(f"{outcome.delivery.subscription}: {outcome.error}")
        now = time.perf_counter()
        seconds[outcome.delivery.subscription] = seconds.get(outcome.delivery.subscription, 0) + now - before
        before = now
    [(_, delivery)] = rt.documents.list("orgs/default/deliveries")
    [proof] = delivery["proof"]
    if delivery["state"] != CURRENT or proof["difference"] != "0" or Decimal(proof["written"]) != Decimal(total):
        raise SystemExit(f"not proved: {delivery['state']}, {proof}, the bill was made to be {total}")
    return {"seconds": before - started, "rows": delivery["rows"], "by_function": seconds}


if __name__ == "__main__":
    main(*sys.argv[1:])
