"""The flow on the emulators: seconds from a landed bill to its alert, and how many deliveries a minute all functions get through.

    make bench-cloud            # python -m tests.emulators -- python -m benchmarks.cloud

One machine plays nine functions, four services and the clients; the figures say that nothing queues for good, not what Google's
services would take.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from google.cloud import storage

from common.messages import SyncRequested
from common.records.integrations import save_integration
from common.runtime.bootstrap import CloudRuntime
from tests.cloud.deployed import Deployment, deployed, missing_peers
from tests.support import cur_line, cur_text

TENANTS, INTEGRATIONS, LINES = 50, 4, 500
ALERT_LINES = 100_000
ALERT_SECONDS = 60
_PATIENCE_SECONDS = 3600


def main() -> int:
    """Exit status 0, 1 where work was lost, 2 without the emulators."""
    if reason := missing_peers():
        sys.stderr.write(f"benchmarks.cloud {reason}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="costwire-bench-") as folder:
        for name, measure in (("alert", _landed_to_alert), ("load", _throughput)):
            (Path(folder) / name).mkdir()
            with deployed(name, Path(folder) / name) as made:
                if not measure(made):
                    return 1
    return 0


def _landed_to_alert(made: Deployment) -> bool:
    """From the publication of the first bill-landed to the arrival of the alert, one bill of 100,000 lines."""
    made.costwire("budgets", "add", "AWS", "--amount", "1000", "--currency", "USD")
    bill = made.folder / "bill.csv"
    bill.write_text(cur_text([cur_line(number, "1.25") for number in range(ALERT_LINES)]), encoding="utf-8")
    made.costwire("import", str(bill))
    waited = time.monotonic()
    while not (made.received.slack and made.received.mail):
        if time.monotonic() - waited > ALERT_SECONDS * 5:
            return _lost("no alert arrived")
        time.sleep(0.05)
    arrived = datetime.now(UTC)
    ((_, delivery),) = made.runtime().documents.list("orgs/default/deliveries")
    seconds = (arrived - datetime.fromisoformat(delivery["landed_at"])).total_seconds()
    _tell(f"landed to alert, {ALERT_LINES:,} lines", f"{seconds:.1f} s", f"target: under {ALERT_SECONDS} s")
    return True


def _throughput(made: Deployment) -> bool:
    """200 deliveries of 50 tenants, asked for at once."""
    rt = made.runtime()
    tenants = [f"tenant_{number:02d}" for number in range(TENANTS)]
    _set_up(made, rt, tenants)
    began = time.monotonic()
    for tenant in tenants:
        rt.bus.publish(SyncRequested("bench", "manual", tenant))
    states: Counter[str] = Counter()
    while states["current"] < TENANTS * INTEGRATIONS:
        if time.monotonic() - began > _PATIENCE_SECONDS:
            return _lost(f"after {_PATIENCE_SECONDS} s only {dict(states)}")
        time.sleep(5)
        sys.stderr.write(f"{time.monotonic() - began:.0f} s: {dict(states)}\n")
        states = Counter(
            document["state"] for tenant in tenants for _, document in rt.documents.list(f"orgs/{tenant}/deliveries")
        )
    seconds = time.monotonic() - began
    rows = sum(
        int(rt.warehouse.query(tenant, "select count(*) as n from cost_data_standard_1_3")[0]["n"])
        for tenant in tenants
    )
    wanted = TENANTS * INTEGRATIONS * LINES
    if rows != wanted:
        return _lost(f"{rows:,} rows are shown, {wanted:,} were delivered")
    pushes = sum(proxy.pushes for proxy in made.proxies.values())
    count = TENANTS * INTEGRATIONS
    _tell(
        f"{count} deliveries of {TENANTS} tenants",
        f"{seconds:.0f} s",
        f"{count / seconds * 60:.0f} a minute, {pushes} pushes",
    )
    return True


def _set_up(made: Deployment, rt: CloudRuntime, tenants: list[str]) -> None:
    bucket = storage.Client(project=made.settings["COSTWIRE_PROJECT"]).create_bucket(f"{made.name}-bills")
    for tenant in tenants:
        rt.documents.set(f"orgs/{tenant}", {"org_slug": tenant, "name": tenant, "plan": "Scale", "status": "ACTIVE"})
        for number in range(INTEGRATIONS):
            name = f"aws-{number}"
            lines = [cur_line(line, "1.25", PayerAccountId=f"{number:012d}") for line in range(LINES)]
            bucket.blob(f"{tenant}/{name}/bill.csv").upload_from_string(cur_text(lines))
            uri = f"gs://{bucket.name}/{tenant}/{name}"
            save_integration(rt.documents, rt.clock.now(), tenant, name, "aws", uri)


def _tell(what: str, found: str, note: str) -> None:
    sys.stdout.write(json.dumps({"what": what, "found": found, "note": note}) + "\n")
    sys.stdout.flush()


def _lost(reason: str) -> bool:
    sys.stderr.write(f"benchmarks.cloud: {reason}\n")
    return False


if __name__ == "__main__":
    sys.exit(main())
